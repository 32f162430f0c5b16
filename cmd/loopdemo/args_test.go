package main

import (
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestBadArguments(t *testing.T) {
	var (
		flags = "; loopdemo -h lists the flags"
		form  = "want NAME=N, such as A=5"
		step  = ": want a duration of 0 or more, such as 1s, 250ms or 0" + flags
		span  = fmt.Sprintf(" is out of range; want a whole number from 0 to %d", math.MaxInt)
	)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"A"}, `argument "A": ` + form},
		{[]string{""}, `argument "": ` + form},
		{[]string{"help"}, `argument "help": ` + form},
		{[]string{"=3"}, `argument "=3": the name is empty; ` + form},
		{[]string{"="}, `argument "=": the name is empty; ` + form},
		{[]string{"A\n=3"}, `argument "A\n=3": the name has a character that does not print; ` + form},
		{[]string{"A\xff=3"}, `argument "A\xff=3": the name has a character that does not print; ` + form},
		{[]string{"A\u202e=3"}, `argument "A\u202e=3": the name has a character that does not print; ` + form},
		{[]string{"A="}, `argument "A=": "" is not a whole number; ` + form},
		{[]string{"A=x"}, `argument "A=x": "x" is not a whole number; ` + form},
		{[]string{"A=2.5"}, `argument "A=2.5": "2.5" is not a whole number; ` + form},
		{[]string{"A=B=3"}, `argument "A=B=3": "B=3" is not a whole number; ` + form},
		{[]string{"A= 3"}, `argument "A= 3": " 3" is not a whole number; ` + form},
		{[]string{"A=-1"}, `argument "A=-1": -1` + span},
		{[]string{"A=99999999999999999999"}, `argument "A=99999999999999999999": 99999999999999999999` + span},
		{[]string{"A=2", "B=3", "A=4"}, `argument "A=4": the name "A" is taken by A=2; give each task a name of its own`},
		{[]string{"-step", "2562047h"}, "B=3 would sleep for more than 292 years; give a shorter -step than 2562047h0m0s, or 0"},
		{[]string{"A=1000", "-virtual", "-step", "3000h"}, "A=1000 would sleep for more than 292 years; give a shorter -step than 3000h0m0s, or 0"},
		{[]string{"-perfetto"}, "flag needs an argument: -perfetto" + flags},
		{[]string{"-timeline", "a.html", "-perfetto", "./a.html"}, `-perfetto and -timeline both write "a.html"; give each a file of its own`},
		{[]string{"-perfetto", "x", "-timeline", "x"}, `-perfetto and -timeline both write "x"; give each a file of its own`},
		{[]string{"-speed"}, "flag provided but not defined: -speed" + flags},
		{[]string{"A=2", "-speed"}, "flag provided but not defined: -speed" + flags},
		{[]string{"-a\nb"}, `flag provided but not defined: -a\nb` + flags},
		{[]string{"-\x1b[31m\xff\"é"}, `flag provided but not defined: -\x1b[31m\xff"é` + flags},
		{[]string{"-step"}, "flag needs an argument: -step" + flags},
		{[]string{"-step", "-1s"}, `invalid value "-1s" for flag -step` + step},
		{[]string{"-step", "1"}, `invalid value "1" for flag -step` + step},
		{[]string{"-step=", "A=2"}, `invalid value "" for flag -step` + step},
		{[]string{"-virtual=maybe"}, `invalid boolean value "maybe" for -virtual: parse error` + flags},
	} {
		stdout, stderr, status := exec(test.args...)
		if status != exitUsage || stdout != "" || stderr != "loopdemo: "+test.want+"\n" {
			t.Errorf("%q: status %d, stdout %q, stderr\n%swant status %d and\nloopdemo: %s",
				test.args, status, stdout, stderr, exitUsage, test.want)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"-h", "-help", "--help", "-virtual -h", "A=2 -h"} {
		compare(t, succeed(t, strings.Fields(args)...), usage)
	}
	for line := range strings.Lines(usage) {
		if len(line) > 80 || strings.Contains(line, "\t") {
			t.Errorf("a line of the usage does not fit a terminal: %q", line)
		}
	}
	new(config).flags().VisitAll(func(f *flag.Flag) {
		if !strings.Contains(usage, "\n  -"+f.Name+" ") {
			t.Errorf("the output of -h does not have -%s", f.Name)
		}
	})
}
