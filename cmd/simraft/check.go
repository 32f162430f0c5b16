package main

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/takt-go/takt/loop/looptest/sim"
)

// A request is what a client asks for.
type request struct{ op, key, value string }

func (r request) String() string { return fmt.Sprintf("%s %s %q", r.op, r.key, r.value) }

// A history has the requests of all clients, and the values that each get has returned.
type history = sim.History[request, string]

// register is what each key must look like to the clients: a value that put sets, append extends, and get returns.
var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		switch in, value := input.(request), state.(string); in.op {
		case "put":
			return true, in.value
		case "append":
			return true, value + in.value
		default:
			return output.(string) == value, value
		}
	},
}

// linearizable checks a history, key by key.
func linearizable(h *history) error {
	ops := map[string][]porcupine.Operation{}
	var keys []string
	for _, o := range settle(h.Operations()) {
		if ops[o.In.key] == nil {
			keys = append(keys, o.In.key)
		}
		ops[o.In.key] = append(ops[o.In.key], porcupine.Operation{
			ClientId: o.Client, Input: o.In, Output: o.Out, Call: o.Call, Return: o.Return,
		})
	}
	for _, key := range keys {
		if !porcupine.CheckOperations(register, ops[key]) {
			return fmt.Errorf("the history of %s is not linearizable: %s", key, describe(ops[key]))
		}
	}
	return nil
}

// settle returns the history without requests whose outcome is unknown. Such a request may have had its effect at any
// time, or never, so the time that porcupine takes grows exponentially with their number. But no two requests write the same text:
//
//   - A write whose text no get has returned can be left out. Nobody can tell whether it had an effect.
//   - A write whose text a get has returned had its effect before that get returned.
//   - A get can be left out.
func settle(all []sim.Operation[request, string]) (known []sim.Operation[request, string]) {
	for _, o := range all {
		if !o.Known && o.In.op != "get" {
			for _, seen := range all {
				if seen.Known && seen.In.op == "get" && seen.In.key == o.In.key && strings.Contains(seen.Out, o.In.value) {
					o.Known, o.Return = true, min(o.Return, seen.Return)
				}
			}
		}
		if o.Known {
			known = append(known, o)
		}
	}
	return known
}

// describe tells the calls and returns of a history in order, in short.
func describe(ops []porcupine.Operation) (text string) {
	for i, o := range ops {
		if i > 0 {
			text += ", "
		}
		in := o.Input.(request)
		text += fmt.Sprintf("%d %s", o.ClientId, in.op)
		if in.op == "get" {
			text += fmt.Sprintf("=%q", o.Output)
		} else {
			text += fmt.Sprintf(" %q", in.value)
		}
	}
	return text
}
