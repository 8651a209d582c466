"""The clients compared: each polls the same load server, in a process of its own, the way its users would."""
