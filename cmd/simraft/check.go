package main

import (
	"fmt"

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

// linearizable checks a history, key by key. A get whose outcome is unknown has no effect, and is left out.
func linearizable(h *history) error {
	var keys []string
	byKey := map[string][]porcupine.Operation{}
	for _, o := range h.Operations() {
		if o.In.op == "get" && !o.Known {
			continue
		}
		if byKey[o.In.key] == nil {
			keys = append(keys, o.In.key)
		}
		byKey[o.In.key] = append(byKey[o.In.key], porcupine.Operation{
			ClientId: o.Client, Input: o.In, Output: o.Out, Call: o.Call, Return: o.Return,
		})
	}
	for _, key := range keys {
		if !porcupine.CheckOperations(register, byKey[key]) {
			return fmt.Errorf("the history of %s is not linearizable: %s", key, describe(byKey[key]))
		}
	}
	return nil
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
