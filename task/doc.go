// Package task is a stub doc.
package task
