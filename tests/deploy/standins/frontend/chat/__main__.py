from answers import option, serve_at

serve_at("127.0.0.1", int(option("--port")), f"chat-{option('--port')}")
