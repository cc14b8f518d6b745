from answers import serve

serve("engine")
