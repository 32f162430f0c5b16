package task_test

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// A program drives two loops in turn. The task player runs on one loop. It calls a function that
// must run on the other loop, because it touches the balance.
func ExampleCall() {
	game, bank := loop.New(), loop.New()
	defer game.Close()
	defer bank.Close()

	balance := 100 // only tasks of bank touch it
	pay := func(amount int) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			if balance < amount {
				return balance, fmt.Errorf("%q: no money", task.NameOf(ctx))
			}
			balance -= amount
			return balance, nil
		}
	}
	player := task.Go(game.Context(), task.Void(func(ctx context.Context) error {
		for range 2 {
			left, err := task.Call(ctx, bank, pay(60), task.Named("pay"))
			fmt.Println(left, err)
		}
		return nil
	}))
	for !player.Done() {
		game.RunOnce()
		bank.RunOnce()
	}
	// Output:
	// 40 <nil>
	// 0 "pay": no money
}
