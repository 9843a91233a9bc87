"""Bringing a model to this machine: from a hub, a wheel or a .gguf file, whole or not at all."""
