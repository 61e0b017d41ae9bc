//! Images and documents that a request names by URL, fetched where its provider takes data only (`[ai] fetch_media`).
//!
//! The URLs are a caller's: hosts must be public, also those of redirects, and nothing but images and PDF comes of it. What a
//! caller hears of a fetch in vain is the same whatever it was, or the gateway would tell what there is in its network; the
//! record's detail says more.

use super::{AiCall, Refused, refused, route::Class};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use portcullis_fault::{Fault, codes};
use portcullis_llm::canon::fields::{self, Field};
use portcullis_llm::canon::{Media, MediaKind, Origin, Part, Request};
use portcullis_llm::dialect::Chat;
use portcullis_model::issuer;
use portcullis_net::egress::{Client, Egress, Fetch, Trust};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

/// What of one call was fetched, by its URL.
pub(crate) type Fetched = Mutex<HashMap<String, Arc<Medium>>>;

/// A medium that was fetched.
#[derive(Debug)]
pub(crate) struct Medium {
    mime: &'static str,
    /// In standard base64.
    data: String,
    bytes: usize,
}

/// Fetches; one for all calls.
pub(crate) struct Fetcher {
    client: Client,
    /// So many at once, for all calls together.
    turns: Semaphore,
    timeout: Duration,
}

/// Media of one call, and bytes of one and of all of them.
const MOST: usize = 16;
const LARGEST: usize = 10 << 20;
const LARGEST_IN_ALL: usize = 20 << 20;
/// For all media of one call.
const PATIENCE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 32;

/// What is taken.
struct Taken {
    mime: &'static str,
    kind: MediaKind,
    /// Whether bytes begin as its do.
    begins: fn(&[u8]) -> bool,
}

const fn taken_as(mime: &'static str, kind: MediaKind, begins: fn(&[u8]) -> bool) -> Taken {
    Taken { mime, kind, begins }
}

static TAKEN: &[Taken] = &[
    taken_as("image/png", MediaKind::Image, |bytes| bytes.starts_with(b"\x89PNG\r\n\x1a\n")),
    taken_as("image/jpeg", MediaKind::Image, |bytes| bytes.starts_with(b"\xff\xd8\xff")),
    taken_as("image/gif", MediaKind::Image, |bytes| bytes.starts_with(b"GIF8")),
    taken_as("image/webp", MediaKind::Image, |bytes| {
        bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
    }),
    taken_as("application/pdf", MediaKind::Document, |bytes| bytes.starts_with(b"%PDF-")),
];

/// Why one could not be had.
enum Vain {
    /// For the caller to know: it is about what is there, not about where that is.
    Said(String),
    /// For the owner only.
    Unsaid(String),
}

impl Fetcher {
    /// With the way out that everybody has, to public hosts only.
    pub(crate) fn new(egress: &Egress) -> Result<Self, String> {
        Ok(Self::with(egress.client(&issuer::Egress::default(), Trust::Document)?, PATIENCE))
    }

    fn with(client: Client, timeout: Duration) -> Self {
        Self { client, turns: Semaphore::new(AT_ONCE), timeout }
    }

    /// `request` with data in place of its URLs, as far as the kinds are `wanted`.
    async fn filled(
        &self,
        request: &Request,
        wanted: &[MediaKind],
        fetched: &Fetched,
        end: Option<Instant>,
    ) -> Result<Request, Fault> {
        let own = Instant::now() + self.timeout;
        let end = end.map_or(own, |end| end.min(own));
        let mut filled = request.clone();
        for media in media_of(&mut filled).filter(|media| by_url(media, wanted)) {
            let Origin::Url(url) = &media.origin else { continue };
            let medium = self.medium(url, media.kind, fetched, end).await.map_err(|vain| told(url, vain))?;
            media.mime = Some(medium.mime.to_owned());
            media.origin = Origin::Data(medium.data.clone());
        }
        Ok(filled)
    }

    async fn medium(
        &self,
        url: &str,
        kind: MediaKind,
        fetched: &Fetched,
        end: Instant,
    ) -> Result<Arc<Medium>, Vain> {
        let used = {
            let known = fetched.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(medium) = known.get(url) {
                return Ok(medium.clone());
            }
            if known.len() >= MOST {
                return Err(Vain::Said(format!("a call has at most {MOST} images and documents by URL")));
            }
            known.values().map(|medium| medium.bytes).sum::<usize>()
        };
        let room = LARGEST.min(LARGEST_IN_ALL - used.min(LARGEST_IN_ALL));
        let fetching = async {
            let _turn = self.turns.acquire().await.map_err(|error| Vain::Unsaid(error.to_string()))?;
            self.fetch(url, kind, room).await
        };
        let medium = tokio::time::timeout_at(end, fetching)
            .await
            .unwrap_or_else(|_| Err(Vain::Unsaid(format!("not within {} ms", self.timeout.as_millis()))))?;
        let medium = Arc::new(medium);
        fetched.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), medium.clone());
        Ok(medium)
    }

    async fn fetch(&self, url: &str, kind: MediaKind, room: usize) -> Result<Medium, Vain> {
        let url = Url::parse(url).map_err(|error| Vain::Said(format!("it is no URL: {error}")))?;
        let fetch = Fetch {
            max_bytes: room,
            timeout: self.timeout,
            accept: "image/*, application/pdf",
            ..Fetch::default()
        };
        let fetched = self.client.fetch(&url, &fetch).await.map_err(|error| match error.reason() {
            "too_large" => Vain::Said(format!("it is larger than the {room} bytes that are left for it")),
            "plain_http" => Vain::Said("only `https` URLs are fetched".to_owned()),
            _ => Vain::Unsaid(with_causes(&error)),
        })?;
        let said = fetched.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mime = taken(kind, said, &fetched.body)?;
        Ok(Medium { mime, data: STANDARD.encode(&fetched.body), bytes: fetched.body.len() })
    }
}

/// The media type of what came: as it is said, if its bytes say the same.
fn taken(kind: MediaKind, said: Option<&str>, bytes: &Bytes) -> Result<&'static str, Vain> {
    let said = said.map(|said| said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let of_kind = || TAKEN.iter().filter(|taken| taken.kind == kind);
    let found = of_kind().find(|taken| (taken.begins)(bytes)).map(|taken| taken.mime);
    let agrees = match said.as_deref() {
        // Whoever stores files for others often knows no better.
        None | Some("application/octet-stream" | "binary/octet-stream") => true,
        Some("image/jpg") => found == Some("image/jpeg"),
        Some(said) => found == Some(said),
    };
    found.filter(|_| agrees).ok_or_else(|| {
        let known: Vec<_> = of_kind().map(|taken| taken.mime).collect();
        Vain::Said(format!("it is none of {}", known.join(", ")))
    })
}

/// What a provider of this format is to be given as data, though it came by URL.
fn wanted(outbound: &dyn Chat) -> Vec<MediaKind> {
    let takes = |field: Field| outbound.says().contains(&field) && !outbound.cannot().contains(&field);
    let rows = [
        (MediaKind::Image, fields::IMAGE, fields::IMAGE_URL),
        (MediaKind::Document, fields::DOCUMENT, fields::DOCUMENT_URL),
    ];
    rows.into_iter().filter(|(_, data, url)| takes(*data) && !takes(*url)).map(|(kind, ..)| kind).collect()
}

/// Every medium of a request, in results of tools, too.
fn media_of(request: &mut Request) -> impl Iterator<Item = &mut Media> {
    let parts = request.messages.iter_mut().flat_map(|message| &mut message.parts);
    parts.flat_map(|part| match part {
        Part::Media(media) => vec![media],
        Part::ToolResult(result) => {
            let inner = result.content.iter_mut().filter_map(|part| match part {
                Part::Media(media) => Some(media),
                _ => None,
            });
            inner.collect()
        }
        _ => Vec::new(),
    })
}

/// Whether it has to be fetched. Other places than the web (`gs://`) are the providers' own.
fn by_url(media: &Media, wanted: &[MediaKind]) -> bool {
    wanted.contains(&media.kind)
        && matches!(&media.origin, Origin::Url(url) if url.starts_with("https:") || url.starts_with("http:"))
}

fn told(url: &str, vain: Vain) -> Fault {
    let shown =
        Url::parse(url).ok().and_then(|url| Some(format!("{}://{}/…", url.scheme(), url.host_str()?)));
    let shown = shown.unwrap_or_else(|| "the URL".to_owned());
    let fault = Fault::new(codes::AI_REQUEST_INVALID);
    match vain {
        Vain::Said(why) => fault.detail(format!(
            "what is at `{shown}` cannot be fetched for the provider of this model: {why}; send it as data instead"
        )),
        Vain::Unsaid(why) => fault
            .detail(format!(
                "what is at `{shown}` cannot be fetched for the provider of this model; send it as data instead"
            ))
            .context(format!("a URL of the caller's could not be fetched: {why}")),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

impl AiCall<'_> {
    /// What is asked, with data in place of URLs where the provider takes nothing else; `None`: as it is.
    ///
    /// In vain, another deployment may still take the URL: it is not the end of the call.
    pub(super) async fn fetched(
        &self,
        request: &Request,
        outbound: &dyn Chat,
        end: Option<Instant>,
    ) -> Result<Option<Request>, Refused> {
        let wanted = wanted(outbound);
        if wanted.is_empty() || !needs(request, &wanted) {
            return Ok(None);
        }
        let unsayable = |fault| refused(Class::Unsayable, fault);
        let Some(fetcher) = self.fetcher else {
            let detail = "an image or document is given by its URL, and the provider of this model takes data only; send it as data, \
                          or have whoever runs the gateway set `fetch_media = true` in `[ai]`";
            return Err(unsayable(Fault::new(codes::AI_REQUEST_INVALID).detail(detail)));
        };
        fetcher.filled(request, &wanted, &self.fetched, end).await.map(Some).map_err(unsayable)
    }
}

/// Whether anything is to be fetched: mostly nothing is, and then nothing is copied.
fn needs(request: &Request, wanted: &[MediaKind]) -> bool {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let mut media = parts.flat_map(|part| match part {
        Part::ToolResult(result) => &result.content[..],
        part => std::slice::from_ref(part),
    });
    media.any(|part| matches!(part, Part::Media(media) if by_url(media, wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_llm::dialect::chat::{self, Incoming};
    use portcullis_model::SystemClock;
    use portcullis_net::egress::ProxyEnvironment;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_util::task::TaskTracker;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    /// A server that answers a path with what `script` says; silent where that is nothing.
    async fn server(script: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let (script, tasks) = (Arc::new(script), TaskTracker::new());
        tasks.clone().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let script = script.clone();
                tasks.spawn(async move {
                    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
                        head.extend_from_slice(&piece[..read]);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    match script(head.split(' ').nth(1).unwrap_or_default()) {
                        Some(answer) => drop(stream.write_all(&answer).await),
                        None => while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {},
                    }
                });
            }
        });
        at
    }

    fn says(status: &str, headers: &str, body: &[u8]) -> Option<Vec<u8>> {
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        Some([head.as_bytes(), body].concat())
    }

    fn fetcher(trust: Trust) -> Fetcher {
        let egress = Egress::new(Arc::new(SystemClock), ProxyEnvironment::default());
        let client = egress.client(&issuer::Egress::default(), trust).unwrap();
        Fetcher::with(client, Duration::from_millis(1_500))
    }

    fn request(urls: &[String]) -> Request {
        let images =
            urls.iter().map(|url| format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#));
        let images = images.collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{images}]}}]}}"#);
        let chat = chat::find("openai").unwrap();
        chat.read_request(&Incoming { model: None, stream: None, body: body.as_bytes() }).unwrap()
    }

    async fn filled(fetcher: &Fetcher, urls: &[String]) -> Result<Request, Fault> {
        fetcher.filled(&request(urls), &[MediaKind::Image], &Fetched::default(), None).await
    }

    /// What is said in vain: to the caller, and to the owner.
    async fn vain(fetcher: &Fetcher, url: &str) -> (String, String) {
        let fault = filled(fetcher, &[url.to_owned()]).await.expect_err(url);
        assert_eq!(fault.code(), codes::AI_REQUEST_INVALID);
        (fault.public_detail().to_owned(), fault.private_context().unwrap_or_default())
    }

    #[tokio::test]
    async fn what_is_fetched_is_told_as_data_and_fetched_once() {
        let at = server(|path| match path {
            "/a.png" => says("200 OK", "content-type: image/png; x=y\r\n", PNG),
            "/b" => says("200 OK", "content-type: application/octet-stream\r\n", b"\xff\xd8\xffrest"),
            _ => says("404 Not Found", "", b""),
        })
        .await;
        let fetched = Fetched::default();
        let urls = [format!("{at}/a.png"), format!("{at}/b"), format!("{at}/a.png")];
        let fetcher = fetcher(Trust::Operator);
        let mut filled = fetcher.filled(&request(&urls), &[MediaKind::Image], &fetched, None).await.unwrap();
        let media: Vec<_> = media_of(&mut filled)
            .map(|media| match &media.origin {
                Origin::Data(data) => (media.mime.clone().unwrap(), STANDARD.decode(data).unwrap()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(media[0], ("image/png".to_owned(), PNG.to_vec()));
        assert_eq!(media[1].0, "image/jpeg");
        assert_eq!((media[2] == media[0], fetched.lock().unwrap().len()), (true, 2));
        // What is not wanted stays where it is.
        let same = fetcher.filled(&request(&urls), &[MediaKind::Document], &fetched, None).await.unwrap();
        assert_eq!(same, request(&urls));
    }

    /// Nobody learns from it what there is inside.
    #[tokio::test]
    async fn what_is_private_is_refused_and_looks_like_what_is_nowhere() {
        let open = server(|_| says("200 OK", "content-type: image/png\r\n", PNG)).await;
        let redirecting = {
            let location = format!("location: {open}/a.png\r\n");
            server(move |_| says("302 Found", &location, b"")).await
        };
        let document = fetcher(Trust::Document);
        let port = open.rsplit(':').next().unwrap();
        let mut said = Vec::new();
        for url in [
            format!("https://127.0.0.1:{port}/a.png"),
            "https://169.254.169.254/latest/meta-data".to_owned(),
            "https://10.0.0.1/a.png".to_owned(),
            "https://[::ffff:127.0.0.1]/a.png".to_owned(),
            format!("{open}/a.png"),
        ] {
            let (detail, context) = vain(&document, &url).await;
            assert!(context.contains("is refused"), "{url}: {context}");
            assert!(!detail.contains("private") && !detail.contains("refused"), "{url}: {detail}");
            said.push(detail.split_once("/…`").unwrap().1.to_owned());
        }
        said.dedup();
        assert_eq!(said.len(), 1, "{said:?}");
        // Whoever may be asked cannot send us to whom we may not ask.
        let (detail, context) = vain(&fetcher(Trust::Operator), &format!("{redirecting}/x")).await;
        assert!(context.contains("is refused: 127.0.0.1 is loopback"), "{context}");
        assert!(detail.ends_with(&said[0]), "{detail}");
    }

    #[tokio::test]
    async fn what_is_too_much_too_slow_or_something_else_is_refused() {
        let at = server(|path| match path {
            "/slow" => None,
            "/large" => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {}\r\n\r\n",
                    LARGEST + 1
                );
                Some(head.into_bytes())
            }
            "/endless" => {
                let piece = [b"500000\r\n".to_vec(), vec![0; 0x50_0000], b"\r\n".to_vec()].concat();
                let head =
                    b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n"
                        .to_vec();
                Some([head, piece.clone(), piece.clone(), piece].concat())
            }
            "/page" => says("200 OK", "content-type: text/html\r\n", b"<html>"),
            "/lie" => says("200 OK", "content-type: image/png\r\n", b"<html>"),
            "/other" => says("200 OK", "content-type: image/gif\r\n", PNG),
            "/svg" => says("200 OK", "content-type: image/svg+xml\r\n", b"<svg/>"),
            "/pdf" => says("200 OK", "content-type: application/pdf\r\n", b"%PDF-1.7"),
            "/compressed" => says("200 OK", "content-encoding: gzip\r\n", PNG),
            "/round" => says("302 Found", "location: /round\r\n", b""),
            _ => says("404 Not Found", "", b""),
        })
        .await;
        let fetcher = fetcher(Trust::Operator);
        for (path, public, private) in [
            ("/large", "larger than", ""),
            ("/endless", "larger than", ""),
            ("/page", "it is none of image/png, image/jpeg, image/gif, image/webp", ""),
            ("/lie", "it is none of", ""),
            ("/other", "it is none of", ""),
            ("/svg", "it is none of", ""),
            ("/pdf", "it is none of", ""),
            ("/compressed", "", "compressed"),
            ("/round", "", "more than 3 redirects"),
            ("/none", "", "status 404"),
            ("/slow", "", "1500 ms"),
        ] {
            let (detail, context) = vain(&fetcher, &format!("{at}{path}")).await;
            assert!(detail.contains(public) && context.contains(private), "{path}: {detail}; {context}");
        }
        // And of many small ones, so many.
        let many = server(|_| says("200 OK", "content-type: image/png\r\n", PNG)).await;
        let urls: Vec<String> = (0..=MOST).map(|at| format!("{many}/{at}")).collect();
        let fault = filled(&fetcher, &urls).await.unwrap_err();
        assert!(fault.public_detail().contains("at most 16"), "{}", fault.public_detail());
        assert!(filled(&fetcher, &urls[..MOST]).await.is_ok());
    }

    #[test]
    fn only_what_takes_data_alone_is_fetched_for() {
        let kinds = |name: &str| wanted(chat::find(name).unwrap());
        assert_eq!(kinds("bedrock"), [MediaKind::Image, MediaKind::Document]);
        assert!(kinds("anthropic").is_empty() && kinds("gemini").is_empty());
        assert_eq!(kinds("ollama"), [MediaKind::Image]);
    }
}
