// Package choice is what a package with changed operators calls in their place.
// Its text is compiled into that package, under that package's name, where two
// variables of the environment say what it does: with OPERATORS_CHOSEN, the
// mutant of that number is in force; to the file of OPERATORS_MET, which has a byte
// for each mutant, it writes which were met. Without them, all operators do what the
// program's text says.
package choice

import (
	"cmp"
	"os"
	"strconv"
	"syscall"
)

// The bytes are shared memory, so that they survive any end of the process.
var mutantChosen, mutantsMet = func() (int, []byte) {
	chosen, err := strconv.Atoi(os.Getenv("OPERATORS_CHOSEN"))
	if err != nil {
		chosen = -1
	}
	f, err := os.OpenFile(os.Getenv("OPERATORS_MET"), os.O_RDWR, 0)
	if err != nil {
		return chosen, nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	met, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return chosen, met
}()

func mutant(n int) bool {
	if mutantsMet != nil {
		mutantsMet[n] = 1
	}
	return n == mutantChosen
}

type mutantInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

type mutantNumber interface {
	mutantInteger | ~float32 | ~float64 | ~complex64 | ~complex128
}

// mutantEqual is x == y, or x != y, of which it is given the result.
func mutantEqual(n int, result bool) bool { return result != mutant(n) }

// mutantLess is x < y. The first mutant is x >= y, the second x <= y.
func mutantLess[T cmp.Ordered](n int, x, y T) bool {
	if mutant(n) {
		return x >= y
	}
	if mutant(n + 1) {
		return x <= y
	}
	return x < y
}

// mutantAtMost is x <= y. The first mutant is x > y, the second x < y.
func mutantAtMost[T cmp.Ordered](n int, x, y T) bool {
	if mutant(n) {
		return x > y
	}
	if mutant(n + 1) {
		return x < y
	}
	return x <= y
}

// mutantMore is x > y. The first mutant is x <= y, the second x >= y.
func mutantMore[T cmp.Ordered](n int, x, y T) bool {
	if mutant(n) {
		return x <= y
	}
	if mutant(n + 1) {
		return x >= y
	}
	return x > y
}

// mutantAtLeast is x >= y. The first mutant is x < y, the second x > y.
func mutantAtLeast[T cmp.Ordered](n int, x, y T) bool {
	if mutant(n) {
		return x < y
	}
	if mutant(n + 1) {
		return x > y
	}
	return x >= y
}

// mutantSum is x + y. The mutant is x - y.
func mutantSum[T mutantNumber](n int, x, y T) T {
	if mutant(n) {
		return x - y
	}
	return x + y
}

// mutantDifference is x - y. The mutant is x + y.
func mutantDifference[T mutantNumber](n int, x, y T) T {
	if mutant(n) {
		return x + y
	}
	return x - y
}

// mutantProduct is x * y. The mutant is x / y.
func mutantProduct[T mutantNumber](n int, x, y T) T {
	if mutant(n) {
		return x / y
	}
	return x * y
}

// mutantQuotient is x / y. The mutant is x * y.
func mutantQuotient[T mutantNumber](n int, x, y T) T {
	if mutant(n) {
		return x * y
	}
	return x / y
}

// mutantRemainder is x % y. The mutant is x * y.
func mutantRemainder[T mutantInteger](n int, x, y T) T {
	if mutant(n) {
		return x * y
	}
	return x % y
}

// mutantNegative is -x. The mutant is x.
func mutantNegative[T mutantNumber](n int, x T) T {
	if mutant(n) {
		return x
	}
	return -x
}

// mutantUp is what x++ adds to x. The mutant is x--.
func mutantUp[T mutantNumber](n int) (one T) {
	one++
	if mutant(n) {
		return -one
	}
	return one
}

// mutantDown is what x-- adds to x. The mutant is x++.
func mutantDown[T mutantNumber](n int) (one T) {
	one++
	if mutant(n) {
		return one
	}
	return -one
}
