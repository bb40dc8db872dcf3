package stats

import "time"

// longest is the longest wait that is told apart, in minutes.
const longest = 400 * 24 * 60

// waits counts waits by their whole minutes: two megabytes at most.
type waits struct {
	minutes        []uint32
	timed, reached int
}

// add counts a gift that came so far or did not. A wait below zero is of two
// clocks that differ, and counts as none.
func (w *waits) add(reached bool, from, to time.Time) {
	if !reached {
		return
	}
	w.reached++
	if from.IsZero() || to.IsZero() {
		return
	}
	w.timed++
	m := min(max(0, int(to.Sub(from)/time.Minute)), longest)
	if m >= len(w.minutes) {
		w.minutes = append(w.minutes, make([]uint32, m+1-len(w.minutes))...)
	}
	w.minutes[m]++
}

// percentile returns the nearest rank: the least wait that p per cent of the
// gifts did not exceed. It is nil for no gifts.
func (w *waits) percentile(p int) *int {
	rank := (w.timed*p + 99) / 100
	for m, n := range w.minutes {
		if rank -= int(n); rank <= 0 {
			return &m
		}
	}
	return nil
}

func (w *waits) report(of int) Wait {
	return Wait{Median: w.percentile(50), P90: w.percentile(90), Timed: w.timed, Reached: w.reached, Of: of}
}
