package host

// DescriptorOf returns the descriptor of a connection of the machine.
func DescriptorOf(c *Conn) int { return c.transport.(*socket).fd }
