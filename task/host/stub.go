package host

// systemNetwork will return the network of the operating system.
func systemNetwork(config) Network { return nil }
