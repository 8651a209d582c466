"""Floor 1, pure: what is true (`evolve`), what is needed next (`decide`) and why (`explain`). Values in, values out."""
