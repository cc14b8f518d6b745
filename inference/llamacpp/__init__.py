"""llama.cpp's own OpenAI server as a child process, for the bundled models and any other GGUF file."""
