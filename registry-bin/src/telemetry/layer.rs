//! Making records of events and of the spans around them.

use time::OffsetDateTime;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::fields::Fields;
use super::format::{Format, Record};
use super::{ACCESS_TARGET, Stream};

/// Writes a record for every event.
pub(super) struct RecordLayer<W> {
    format: Format,
    write: W,
}

impl<W: Fn(Stream, &[u8])> RecordLayer<W> {
    pub(super) fn new(format: Format, write: W) -> Self {
        Self { format, write }
    }
}

/// The fields of a span, kept with it as they are written.
struct SpanFields(Vec<u8>);

impl<S, W> Layer<S> for RecordLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(Stream, &[u8]) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::new(&self.format, span.name());
            attributes.record(&mut fields);
            span.extensions_mut().insert(SpanFields(fields.written));
        }
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::new(&self.format, span.name());
            values.record(&mut fields);
            if let Some(SpanFields(before)) = span.extensions_mut().get_mut() {
                before.append(&mut fields.written);
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new(&self.format, "");
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(of_span)) = span.extensions().get() {
                fields.written.extend_from_slice(of_span);
            }
        }
        let metadata = event.metadata();
        let line = self.format.line(&Record {
            time: OffsetDateTime::now_utc(),
            level: *metadata.level(),
            target: metadata.target(),
            message: &fields.message,
            fields: &fields.written,
            caller: metadata.file().zip(metadata.line()),
        });
        (self.write)(if metadata.target() == ACCESS_TARGET { Stream::Access } else { Stream::Log }, &line);
    }
}
