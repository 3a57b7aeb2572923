"""Other people's articles become ours: Markdown, HTML, plain text, help-centre exports."""
