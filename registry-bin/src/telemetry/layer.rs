//! Making records of events and of the spans around them.

use time::OffsetDateTime;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::format::Format;
use super::record::{Fields, Record};
use super::{ACCESS_TARGET, Stream};

/// Writes a record for every event.
pub(super) struct RecordLayer<W> {
    format: Format,
    write: W,
}

impl<W: Fn(Stream, &str)> RecordLayer<W> {
    pub(super) fn new(format: Format, write: W) -> Self {
        Self { format, write }
    }
}

/// The fields of a span, kept with it.
struct SpanFields(Fields);

impl<S, W> Layer<S> for RecordLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(Stream, &str) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(of_span)) = span.extensions().get() {
                let named = of_span.named.iter();
                fields.named.extend(named.map(|(name, value)| (format!("{}.{name}", span.name()), value.clone())));
            }
        }
        let metadata = event.metadata();
        let line = self.format.line(&Record {
            time: OffsetDateTime::now_utc(),
            level: *metadata.level(),
            target: metadata.target(),
            message: fields.message,
            fields: fields.named,
            caller: metadata.file().zip(metadata.line()),
        });
        (self.write)(if metadata.target() == ACCESS_TARGET { Stream::Access } else { Stream::Log }, &line);
    }
}
