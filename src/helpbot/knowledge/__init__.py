"""What an author wrote, as values: articles, resolutions, signatures and the checks that hold them together."""
