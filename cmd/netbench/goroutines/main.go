// Command goroutines has the servers of the workloads on plain goroutines: see load.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
)

func main() {
	handle := map[string]func(net.Conn){"echo": echo, "chat": chat}[os.Args[len(os.Args)-1]]
	if handle == nil {
		os.Exit(3)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("port", ln.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ln.Close()
	}()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go handle(c)
	}
}

func echo(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

var (
	mu    sync.Mutex
	rooms = map[string]map[*member]bool{}
)

type member struct{ lines chan string }

func chat(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 512)
	name, err := in.ReadString('\n')
	if err != nil {
		return
	}
	name = strings.TrimSpace(name)
	me := &member{make(chan string, 64)}
	mu.Lock()
	if rooms[name] == nil {
		rooms[name] = map[*member]bool{}
	}
	room := rooms[name]
	room[me] = true
	mu.Unlock()
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		delete(room, me)
		close(me.lines)
	}()
	go func() {
		for line := range me.lines {
			if _, err := io.WriteString(c, line); err != nil {
				return
			}
		}
	}()
	me.lines <- "welcome\n"
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		mu.Lock()
		for m := range room {
			if m != me {
				select {
				case m.lines <- line:
				default: // a slow reader
				}
			}
		}
		mu.Unlock()
	}
}
