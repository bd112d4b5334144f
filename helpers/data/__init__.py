"""What a study looks at: corpora, their readers, and the cache of decoded features."""
