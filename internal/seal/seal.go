// Package seal keeps functions that one package of this module exports for another from
// everybody else: they have a parameter of a type that only the module can name.
package seal

// Task is for what package task alone does to the future of a task.
type Task struct{}
