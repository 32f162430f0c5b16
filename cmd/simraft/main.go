// Command simraft runs a key-value store on a cluster of raft nodes in a simulated world, in which nodes crash, disks forget
// and the network is cut. It looks for a schedule in which the store breaks a promise:
//
//	go run . -bug send-early          looks for a bug that the store is built with, and prints the report
//	go run . -bug list                lists the bugs
//	go run . -for 10m                 looks for a bug that nobody knows of
//	go run . -bug duplicate -timeline page.html
//
// The store is package kv, an ordinary program on package task/host. world.go is the test: the cluster, its clients, the plan of
// faults, and what must hold. Every schedule of the same seed is the same in every run.
//
// It is a module of its own, since raft and porcupine are modules that takt does not need.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/cmd/simraft/kv"
	"github.com/takt-go/takt/loop/looptest"
)

// gcPercent is the GOGC of the program: little memory is live, and almost all of it is garbage after a schedule.
const gcPercent = 800

// minimising is for how long a failure is minimised.
const minimising = 5 * time.Second

func main() {
	debug.SetGCPercent(gcPercent)
	found, err := simulate(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case found:
		os.Exit(1)
	}
}

// simulate does what the arguments say. It reports whether it has found a failure.
func simulate(args []string, out io.Writer) (found bool, err error) {
	s := setting{ran: &totals{}}
	flags := flag.NewFlagSet("simraft", flag.ContinueOnError)
	flags.SetOutput(out)
	name := flags.String("bug", "", "the `name` of a bug to build the store with, or list")
	limit := flags.Duration("for", 30*time.Second, "for how long to look")
	flags.IntVar(&s.nodes, "nodes", 3, "how many nodes the cluster has, up to 9")
	seed := flags.Uint64("seed", 1, "the seed of the schedules")
	timeline := flags.String("timeline", "", "the `file` for the timeline of a failure, a page for a browser")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	if *name == "list" {
		for _, b := range kv.Bugs() {
			fmt.Fprintln(out, b)
		}
		return false, nil
	}
	if s.bug, err = kv.ParseBug(*name); err != nil {
		return false, err
	}
	if s.nodes < 1 || s.nodes > 9 || *limit <= 0 || flags.NArg() > 0 {
		return false, fmt.Errorf("simraft: -nodes %d -for %v %q; give 1 to 9 nodes, a positive time, and no other arguments", s.nodes, *limit, flags.Args())
	}
	t := &console{name: "simraft", out: out}
	keep := func() error { return nil }
	if *timeline != "" {
		dir, err := os.MkdirTemp("", "simraft")
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(dir)
		before := os.Getenv("TAKT_ARTIFACTS")
		defer os.Setenv("TAKT_ARTIFACTS", before)
		if err := os.Setenv("TAKT_ARTIFACTS", dir); err != nil {
			return false, err
		}
		t.here = strings.NewReplacer(filepath.Join(dir, t.name+".html"), *timeline)
		keep = func() error { return moveOnly(dir, *timeline) }
	}
	// Package looptest asks package testing whether it is verbose. Verbose panics if the flags of go test were not parsed.
	if testing.Init(); !flag.Parsed() {
		if err := flag.CommandLine.Parse([]string{"-test.v"}); err != nil {
			return false, err
		}
	}
	began := time.Now()
	t.run(func() {
		looptest.Explore(t, looptest.Sample(*seed, math.MaxInt32), s.run, looptest.For(*limit), looptest.MinimiseFor(minimising))
	})
	if t.Failed() {
		return true, keep()
	}
	s.ran.print(out, time.Since(began))
	return false, nil
}

// moveOnly moves the only file in dir to path.
func moveOnly(dir, path string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("simraft: there are %d timelines in %s", len(files), dir))
	}
	page, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	return os.WriteFile(path, page, 0o644)
}
