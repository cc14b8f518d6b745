from answers import serve

serve("web")
