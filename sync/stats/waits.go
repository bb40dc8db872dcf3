package stats

import "time"

// longest is the longest wait that is distinguished, in minutes.
const longest = 400 * 24 * 60

// waits counts waits by their whole minutes: two megabytes at most.
type waits struct {
	Minutes        []uint32
	Timed, Reached int
}

// add counts a gift that came so far or did not, or takes it away where by is -1.
// A wait below zero is of two clocks that differ, and counts as none.
func (w *waits) add(reached bool, from, to time.Time, by int) {
	if !reached {
		return
	}
	w.Reached += by
	if from.IsZero() || to.IsZero() {
		return
	}
	w.Timed += by
	m := min(max(0, int(to.Sub(from)/time.Minute)), longest)
	if m >= len(w.Minutes) {
		w.Minutes = append(w.Minutes, make([]uint32, m+1-len(w.Minutes))...)
	}
	w.Minutes[m] += uint32(by)
}

// percentile returns the nearest rank: the least wait that p per cent of the
// gifts did not exceed. It is nil for no gifts.
func (w *waits) percentile(p int) *int {
	rank := (w.Timed*p + 99) / 100
	for m, n := range w.Minutes {
		if n == 0 {
			continue
		}
		if rank -= int(n); rank <= 0 {
			return &m
		}
	}
	return nil
}

func (w *waits) report(of int) Wait {
	return Wait{Median: w.percentile(50), P90: w.percentile(90), Timed: w.Timed, Reached: w.Reached, Of: of}
}
