package hubspot

import "time"

// A Pace is how fast one HubSpot account may be called: the rate buckets of its
// limits. HubSpot counts all calls with an account together, so clients of one
// account share a Pace. It is safe for concurrent use.
type Pace struct{ objects, associations, search *bucket }

// NewPace returns the pace of an account that was not called before.
func NewPace() *Pace {
	return &Pace{
		objects:      newObjectsBucket(0),
		associations: newBucket(90, 10*time.Second),
		search:       newSearchBucket(),
	}
}

// limit caps the general calls in any 10 seconds, 0 for no cap of ours. Of several
// caps the lowest one counts.
func (p *Pace) limit(most int) {
	b := p.objects
	b.mu.Lock()
	defer b.mu.Unlock()
	if most > 0 && (b.most == 0 || most < b.most) {
		b.most = most
	}
}
