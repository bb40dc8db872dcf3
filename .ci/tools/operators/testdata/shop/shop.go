// Package shop has an operator of each kind, for the tests of the tool.
package shop

import (
	"io/fs"
	"strings"
	"time"
)

const dozen = 2 * 6 // stays, as a constant is none of a function's

// Patience is a constant where a variable is due.
var Patience = -2 * time.Second

// Price has all of arithmetic.
func Price(n, cents int, rate float64) int {
	return -n*cents/dozen + n%7 - int(rate*float64(len("of"+"two")))
}

// Size has conditions, those of cases too, and a type parameter.
func Size[T int | float64](n T) string {
	switch {
	case n < 0:
		return "none"
	case n <= 2, n == 7:
		return "small"
	}
	if n > 20 || n >= 10 && n != 12 { // a comment
		return "large"
	}
	return "medium"
}

// Steps goes up, through a map, and down.
func Steps(words []string) (count map[string]int, left fs.FileMode) {
	count = make(map[string]int)
	left = 9
	for i := 0; i < len(words); i++ {
		count[strings.ToLower(words[i])]++
		left--
	}
	return count, left
}

// Count never ends if it counts down.
func Count(n int) (turns int) {
	for i := 0; i != n; i++ {
		turns = i
	}
	return turns
}

// Fill eats all memory if it counts down.
func Fill(n int) (out [][]byte) {
	for i := 0; i != n; i++ {
		out = append(out, make([]byte, 1<<20))
	}
	return out
}

// Wait waits for ever for what is not 1.
func Wait(n int) {
	for n != 1 {
		time.Sleep(time.Second)
	}
}

// Unseen is never run.
func Unseen(n int) bool { return n == 3 }

// Short returns the same on either side of its bound.
func Short(n int) int {
	if n <= 0 {
		return 0
	}
	return max(n, 0)
}

// Loose is run, and nothing looks at what it returns.
func Loose(n int) bool { return n == 5 }
