from answers import serve

serve("embedding")
