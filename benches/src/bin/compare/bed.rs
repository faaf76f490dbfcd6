//! Where a server's samples are taken: its directory on the disk, and the server with the content for pulls.

use std::cell::{Cell, OnceCell};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use benches::MIB;

use crate::client;
use crate::content::{Blob, Image, LARGE_BYTES, Noise};
use crate::peer::Peer;
use crate::server::{Options, Server};

/// What the content for pulls is in.
pub(crate) const REPOSITORY: &str = "library/benchmark";

/// The tag of the image for pulls.
pub(crate) const TAG: &str = "latest";

/// What every server gets for pulls.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) noise: Noise,
    /// Of 256 MiB each.
    pub(crate) large: Vec<Blob>,
    /// Of 1 MiB each.
    pub(crate) medium: Vec<Blob>,
    pub(crate) image: Image,
}

impl Content {
    pub(crate) fn new(seed: u64) -> Self {
        let noise = Noise::new(seed);
        Self {
            large: (0..2).map(|number| noise.blob(number, LARGE_BYTES)).collect(),
            medium: (0..64).map(|number| noise.blob(number, MIB)).collect(),
            image: Image::new(&noise, 1000, 512, 4096),
            noise,
        }
    }
}

/// One server's place.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) peer: Rc<Peer>,
    pub(crate) content: Rc<Content>,
    directory: PathBuf,
    standing: OnceCell<Rc<Server>>,
    started: Cell<u32>,
}

impl Bed {
    /// Returns the place of a server below a directory.
    pub(crate) fn new(peer: Peer, content: Rc<Content>, directory: &Path) -> Self {
        let directory = directory.join(peer.name());
        let (standing, started) = (OnceCell::new(), Cell::new(0));
        Self { peer: Rc::new(peer), content, directory, standing, started }
    }

    /// Returns the server with the content for pulls, which runs until the end.
    ///
    /// # Errors
    /// If it does not start or a push fails.
    pub(crate) fn standing(&self) -> io::Result<Rc<Server>> {
        if let Some(server) = self.standing.get() {
            return Ok(Rc::clone(server));
        }
        let server = self.start(&Options::default())?;
        self.fill(&server)?;
        Ok(Rc::clone(self.standing.get_or_init(|| Rc::new(server))))
    }

    /// Starts a server without content, whose data is given up with it.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn fresh(&self) -> io::Result<Server> {
        self.start(&Options::default())
    }

    /// Starts a server without content in this manner, whose data is given up with it.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start(&self, options: &Options<'_>) -> io::Result<Server> {
        let manifest = &self.content.image.manifest.bytes;
        Server::start(&self.peer, &self.new_directory()?, &Options { manifest, empties_directory: true, ..*options })
    }

    /// Makes a directory for another server of this kind.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn new_directory(&self) -> io::Result<PathBuf> {
        self.started.set(self.started.get() + 1);
        let directory = self.directory.join(self.started.get().to_string());
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Has the machine bring along the memory that so many bytes will take in the page cache. A virtual machine may have given
    /// free memory back to its host, and then the first use of each page costs more than all that a server does with it.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn bring_memory(&self, len_bytes: usize) -> io::Result<()> {
        let path = self.directory.join("memory");
        let mut file = File::create(&path)?;
        let bytes = vec![0; MIB];
        for _ in 0..len_bytes.div_ceil(MIB) {
            file.write_all(&bytes)?;
        }
        fs::remove_file(path)
    }

    /// Gives a server the content for pulls, and checks that it comes back.
    ///
    /// # Errors
    /// If a push fails or something else comes back.
    pub(crate) fn fill(&self, server: &Server) -> io::Result<()> {
        let Content { large, medium, image, .. } = &*self.content;
        if self.peer.has_content() {
            let mut connection = server.connect()?;
            for blob in large.iter().chain(medium).chain([&image.config, &image.layer]) {
                client::place_blob(server, &mut connection, REPOSITORY, blob)?;
                client::check_blob(&mut connection, REPOSITORY, blob)?;
            }
            client::place_manifest(server, &mut connection, REPOSITORY, TAG, &image.manifest)?;
        }
        client::check_manifest(&mut server.connect()?, REPOSITORY, TAG, &image.manifest)
    }
}
