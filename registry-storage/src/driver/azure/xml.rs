//! The documents of Azure Blob Storage, as far as they are looked at.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An answer is not what it has to be.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no such document")]
pub(super) struct DocumentError(#[source] quick_xml::DeError);

/// Reads a document.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, DocumentError> {
    // Some begin with a byte order mark.
    quick_xml::de::from_reader(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)).map_err(DocumentError)
}

/// Writes a document.
pub(super) fn write(document: &impl Serialize) -> String {
    quick_xml::se::to_string(document).expect("structures of text can be written")
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ErrorDocument {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListBlobs {
    #[serde(default)]
    pub(super) blobs: Blobs,
    #[serde(default)]
    pub(super) next_marker: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Blobs {
    #[serde(default, rename = "Blob")]
    pub(super) blobs: Vec<ListedBlob>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedBlob {
    pub(super) name: String,
    #[serde(default)]
    pub(super) properties: Properties,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Properties {
    #[serde(default, rename = "Content-Length")]
    pub(super) content_length: u64,
    /// An uncommitted blob may have none.
    #[serde(default, rename = "Last-Modified")]
    pub(super) last_modified: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) registry_note: String,
}

/// The blocks of a blob, as far as they were not put together.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct BlockList {
    pub(super) uncommitted_blocks: Blocks,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Blocks {
    #[serde(default, rename = "Block")]
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Block {
    pub(super) name: String,
}

/// The blocks that a blob is to consist of, in this order.
#[derive(Debug, Serialize)]
#[serde(rename = "BlockList")]
pub(super) struct ChosenBlocks<'a> {
    #[serde(rename = "Uncommitted")]
    pub(super) uncommitted: Vec<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read() {
        let text = b"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>
            <EnumerationResults ServiceEndpoint=\"https://h/\" ContainerName=\"c\"><Prefix>a/</Prefix><Blobs>
            <Blob><Name>a/b</Name><Properties><Last-Modified>Mon, 01 Jan 2024 00:00:00 GMT</Last-Modified>
              <Content-Length>5</Content-Length><BlobType>BlockBlob</BlobType></Properties>
              <Metadata><registry_note>n</registry_note></Metadata><OrMetadata /></Blob>
            <Blob><Name Encoded=\"true\">a/%EF%BF%BE</Name><Properties><Content-Length>0</Content-Length></Properties>
              <Metadata /></Blob>
            </Blobs><NextMarker>m</NextMarker></EnumerationResults>";
        let list: ListBlobs = parse(text).unwrap();
        let blobs: Vec<_> = list.blobs.blobs.iter().map(|b| (b.name.as_str(), b.properties.content_length)).collect();
        assert_eq!((blobs, list.next_marker.as_str()), (vec![("a/b", 5), ("a/%EF%BF%BE", 0)], "m"));
        assert_eq!(list.blobs.blobs[0].metadata.registry_note, "n");
        let nothing: ListBlobs = parse(b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>").unwrap();
        assert!(nothing.blobs.blobs.is_empty() && nothing.next_marker.is_empty());
        let blocks: BlockList =
            parse(b"<BlockList><UncommittedBlocks><Block><Name>YQ==</Name><Size>1</Size></Block></UncommittedBlocks></BlockList>")
                .unwrap();
        assert_eq!(blocks.uncommitted_blocks.blocks[0].name, "YQ==");
        let error: ErrorDocument = parse(b"<Error><Code>ServerBusy</Code><Other>x</Other></Error>").unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("ServerBusy", ""));
        assert!(parse::<ListBlobs>(b"no document").is_err());
    }

    #[test]
    fn documents_are_written() {
        let chosen = ChosenBlocks { uncommitted: vec!["YQ==", "Yg=="] };
        assert_eq!(
            write(&chosen),
            "<BlockList><Uncommitted>YQ==</Uncommitted><Uncommitted>Yg==</Uncommitted></BlockList>"
        );
        assert_eq!(write(&ChosenBlocks { uncommitted: vec![] }), "<BlockList/>");
    }
}
