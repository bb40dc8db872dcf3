package sync

import (
	"sync"
	"time"
)

// A progressReport is how far a run has come, as [Config.Progress] is shown it.
// Searches report to it from a goroutine of their own.
type progressReport struct {
	show  func(Progress)
	began time.Time
	quiet bool // events cause the run, which is not reported

	mu  sync.Mutex
	now Progress
}

// update changes what is known, and shows it.
func (p *progressReport) update(change func(*Progress)) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.now)
	p.now.Elapsed = time.Since(p.began)
	p.show(p.now)
}

// begin begins a phase of so many parts, 0 where their number is unknown.
func (p *progressReport) begin(phase Phase, total int) {
	p.update(func(now *Progress) { now.Phase, now.PhaseDone, now.PhaseTotal, now.Ahead = phase, 0, total, 0 })
}

// announce shows what kind of run this has turned out to be, and how many
// orphans a later phase of it looks up at most.
func (p *progressReport) announce(mode Mode, orphans int) {
	p.update(func(now *Progress) { now.Mode, now.Ahead = mode, orphans })
}

// waitForSearch shows that the run waits for addresses to be searched, and
// returns a function to call when it goes on.
func (p *progressReport) waitForSearch() (ended func()) {
	var before Phase
	p.update(func(now *Progress) { before, now.Phase = now.Phase, PhaseSearch })
	return func() { p.update(func(now *Progress) { now.Phase = before }) }
}

// search adds addresses that are to be searched, and returns a function to call
// when some of them have been.
func (p *progressReport) search(addresses int) (searched func(addresses int)) {
	if addresses > 0 {
		p.update(func(now *Progress) { now.ToSearch += addresses })
	}
	return func(n int) { p.update(func(now *Progress) { now.Searched += n }) }
}
