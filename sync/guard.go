package sync

import "fmt"

// A guard tells a row problem from a schema problem: 300 of the last 1,000
// rows refused for one reason are not the rows' fault.
type guard struct {
	ring   [1000]string // reason per row, "" for a row that went well
	next   int
	counts map[string]int
}

// guardLimit is how many of the last 1,000 rows may fail for one reason.
const guardLimit = 300

// add records how a row ended, and fails when its reason has become too
// common.
func (g *guard) add(reason string) error {
	if g.counts == nil {
		g.counts = make(map[string]int)
	}
	if old := g.ring[g.next]; old != "" {
		g.counts[old]--
	}
	g.ring[g.next] = reason
	g.next = (g.next + 1) % len(g.ring)
	if reason == "" {
		return nil
	}
	g.counts[reason]++
	if g.counts[reason] < guardLimit {
		return nil
	}
	return &Fatal{
		What:   fmt.Sprintf("schema problem: %d of the last %d records were refused for one reason (%s)", guardLimit, len(g.ring), reason),
		Remedy: "`quarantine list` shows some of them; mend the object's properties or rules in HubSpot, or the portal's thnks.dialect (thnks.csv for an export file) where the rows cannot be read, then run again; the checkpoint has not moved, so nothing is skipped",
	}
}
