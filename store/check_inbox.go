package store

import "bytes"

// An inboxChecker compares events with their bodies and indexes. Every event must
// have its entries. If the number of entries is right as well, none is stray.
type inboxChecker struct {
	*buckets
	secret  []byte
	states  map[EventState]int
	queued  int64 // bytes of the bodies of pending and waiting events
	idle    queueSize
	dropped int // events that have lost their body
	bodies  int // events that have a body
	due     int // entries that the index of due events should have
	waiting int // entries that the index of waiting events should have
}

// event checks that an event has its body and its index entries.
func (c *inboxChecker) event(key, value []byte) error {
	e, err := decodeEvent(key, value)
	if err != nil {
		return err
	}
	count(c.states, e.State, 1)
	if e.State.queued() {
		c.queued += int64(e.Size)
	}
	if e.BodyDropped {
		c.dropped++
	}
	if e.idle() && c.buckets.idle != nil {
		c.idle.Events++
		c.idle.Bytes += int64(e.Size)
		if c.buckets.idle.Get(key) == nil {
			return damaged("the index of idle events lacks one")
		}
	}
	body, err := get(c.body, key)
	if err != nil {
		return err
	}
	if len(body) != e.Size {
		return damaged("the body of an event is lost or of another length")
	}
	if e.Size > 0 {
		c.bodies++
	}
	if k := dueKey(&e); k != nil {
		c.due++
		if c.buckets.due.Get(k) == nil {
			return damaged("the index of due events lacks one")
		}
	}
	for _, k := range waitingKeys(&e) {
		c.waiting++
		if c.buckets.waiting.Get(k) == nil {
			return damaged("the index of waiting events lacks one")
		}
	}
	return nil
}

// seen checks that a key is that of the event which it names.
func (c *inboxChecker) seen(key, value []byte) error {
	e, err := c.indexed(value)
	if err != nil {
		return err
	}
	if e.State == EventDuplicate || !bytes.Equal(key, seenKey(c.secret, e)) {
		return damaged("the key of an event names another")
	}
	return nil
}

// complete compares the actual with the expected numbers of index entries.
func (c *inboxChecker) complete(bodies, due, waiting, idle int) error {
	switch {
	case bodies != c.bodies:
		return damaged("there are %d bodies of events and should be %d", bodies, c.bodies)
	case due != c.due:
		return damaged("the index of due events has %d entries and should have %d", due, c.due)
	case waiting != c.waiting:
		return damaged("the index of waiting events has %d entries and should have %d", waiting, c.waiting)
	case idle != c.idle.Events:
		return damaged("the index of idle events has %d entries and should have %d", idle, c.idle.Events)
	}
	return nil
}
