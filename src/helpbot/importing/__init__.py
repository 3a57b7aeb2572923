"""Other people's articles become ours: Markdown, HTML, plain text, help-centre exports.

Text is read without ever raising, in time that grows with its length; what cannot be read is left out and said.
"""
