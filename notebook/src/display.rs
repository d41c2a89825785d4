//! evcxr's display protocol: marked blocks on standard output, one for each MIME type.
use std::io::{self, Write};

/// Output of a cell in one MIME type; a frontend takes the richest that it knows.
pub(crate) struct Content {
    pub(crate) mime: &'static str,
    pub(crate) body: String,
}

/// Shows the same thing in several MIME types.
pub(crate) fn show(contents: &[Content]) {
    // A notebook that is gone needs no output.
    write(&mut io::stdout().lock(), contents).ok();
}

fn write(out: &mut dyn Write, contents: &[Content]) -> io::Result<()> {
    for Content { mime, body } in contents {
        let body = body.trim_end_matches('\n');
        writeln!(out, "EVCXR_BEGIN_CONTENT {mime}\n{body}\nEVCXR_END_CONTENT")?;
    }
    out.flush()
}

/// Text as it is written in HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_content_is_a_block_of_its_own() {
        let content = |mime, body: &str| Content { mime, body: body.to_owned() };
        let mut out = Vec::new();
        let contents = [content("text/html", "<b>1</b>\n"), content("text/plain", "1")];
        write(&mut out, &contents).unwrap();
        let expected = "EVCXR_BEGIN_CONTENT text/html\n<b>1</b>\nEVCXR_END_CONTENT\n\
                        EVCXR_BEGIN_CONTENT text/plain\n1\nEVCXR_END_CONTENT\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(escaped("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
    }
}
