package thnksapitest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A step is one in the life of a transaction.
type step struct {
	status string
	at     time.Time
}

const day = 24 * time.Hour

// live plays the life of a new transaction until end, by the rules of Thnks'
// help centre: it is delivered at once; unopened for 30 days it expires and is
// refunded in the next monthly run; opened, it can be redeemed for a year.
func live(t *Transaction, rng *rand.Rand, end time.Time) {
	t.UpdatedAt = t.CreatedAt
	at := t.CreatedAt
	if rng.IntN(30) == 0 {
		t.Status = scheduled
		t.Times.Scheduled = at.Add(between(rng, time.Hour, 45*day))
		at = t.Times.Scheduled
	} else {
		t.Status = sent // the first step of its fate
	}
	for _, next := range fate(rng, at) {
		if next.at.After(end) {
			return
		}
		t.reach(next.status, next.at)
	}
}

// fate draws the steps of a gift that is sent at a time.
func fate(rng *rand.Rand, at time.Time) []step {
	life := []step{{sent, at}}
	then := func(status string, after time.Duration) {
		at = at.Add(after).Truncate(time.Millisecond)
		life = append(life, step{status, at})
	}
	if rng.IntN(40) == 0 {
		then(undelivered, between(rng, time.Second, 5*time.Minute))
		return life
	}
	then(delivered, between(rng, time.Second, 5*time.Minute))
	if rng.IntN(100) < 22 {
		then(expired, 30*day)
		then(refunded, nextRefund(at).Sub(at))
		return life
	}
	then(opened, between(rng, time.Minute, day)*time.Duration(1+rng.IntN(10)))
	switch n := rng.IntN(100); {
	case n < 78:
		then(redeemed, between(rng, time.Minute, 3*day)*time.Duration(1+rng.IntN(6)))
	case n < 84:
		then(donated, between(rng, time.Minute, 10*day))
	default:
		then(expired, 365*day)
	}
	return life
}

// between draws a duration.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}

// Tick plays a moment: it adds up to three gifts and moves up to five of the
// latest thousand transactions one step on. It returns the ids of both.
// Subscribers also receive events about parcels and thank-you notes of gifts
// redeemed before.
func (s *Server) Tick(rng *rand.Rand) (added, changed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := now()
	for range min(s.rows.len, 5) {
		r := s.rows.at(s.rows.len - 1 - rng.IntN(min(s.rows.len, 1000)))
		status := next(r.Status, rng)
		if status == "" || r.ID == "" || !r.UpdatedAt.Before(at) {
			continue
		}
		s.update(r, func(t *Transaction) { t.reach(status, at) })
		changed = append(changed, r.ID)
	}
	items, texts := catalogue(), messages()
	for range 1 + rng.IntN(3) {
		t := items[rng.IntN(len(items))].transaction(idOf(s.last + 1))
		from, to := rng.IntN(8), rng.IntN(1000)
		if s.rows.len > 0 {
			known := s.rows.at(rng.IntN(s.rows.len))
			t.Sender, t.Recipient = known.Sender, known.Recipient
		} else {
			t.Sender, t.Recipient = senderAt(0, from), recipientAt(0, to)
		}
		t.Message = fmt.Sprintf(texts[rng.IntN(len(texts))], t.Recipient.FirstName)
		t.CreatedAt = at
		t.reach(sent, at)
		s.add(t)
		s.announce(t)
		added = append(added, t.ID)
	}
	for _, d := range s.senders {
		d.stepWalks(at)
	}
	return added, changed
}

// next draws a status that may follow another, "" if none does.
func next(status string, rng *rand.Rand) string {
	switch status {
	case scheduled:
		return sent
	case sent:
		return delivered
	case delivered:
		return opened
	case opened:
		if rng.IntN(10) == 0 {
			return donated
		}
		return redeemed
	case expired:
		return refunded
	default:
		return ""
	}
}
