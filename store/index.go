package store

import (
	"bytes"
	"slices"

	"thnks-hubspot-sync/sync/plan"
)

// entries are a gift's index entries; "" is no entry.
type entries struct {
	object    string
	person    string   // canonical address of the recipient
	contacts  []string // that it is linked to, or was before the contact was deleted; sorted
	orphan    plan.Orphan
	ambiguous bool
}

func entriesOf(g plan.Stored) entries {
	e := entries{object: g.ObjectID}
	if email, ok := plan.CanonicalEmail(g.Gift.Recipient.Email); ok {
		e.person = email
	}
	for _, l := range append(slices.Clone(g.Links), g.Former) {
		if l.Kind == plan.Contact && !l.Refused && validID(l.ID) == nil {
			e.contacts = append(e.contacts, l.ID)
		}
	}
	slices.Sort(e.contacts)
	e.contacts = slices.Compact(e.contacts)
	if g.Deleted.IsZero() && g.Erased.IsZero() { // a deleted or erased record needs no links
		e.orphan = g.Orphan
		e.ambiguous = g.Ambiguous && g.Orphan == ""
	}
	return e
}

// reindex replaces the index entries of a gift.
func (w *writer) reindex(id string, old, now entries) error {
	if old.object != now.object {
		if err := w.dropObject(old.object, id); err != nil {
			return err
		}
		if now.object != "" {
			if err := w.addObject(now.object, id); err != nil {
				return err
			}
		}
	}
	if old.person != now.person {
		if old.person != "" {
			if err := w.person.Delete(personKey(mac(w.secret, old.person), id)); err != nil {
				return err
			}
		}
		if now.person != "" {
			if err := put(w.person, personKey(mac(w.secret, now.person), id), nil); err != nil {
				return err
			}
		}
	}
	for _, contact := range old.contacts {
		if !slices.Contains(now.contacts, contact) {
			if err := w.contact.Delete(contactKey(contact, id)); err != nil {
				return err
			}
		}
	}
	for _, contact := range now.contacts {
		if !slices.Contains(old.contacts, contact) {
			if err := put(w.contact, contactKey(contact, id), nil); err != nil {
				return err
			}
		}
	}
	switch {
	case now.ambiguous && !old.ambiguous:
		w.counts.Ambiguous++
	case old.ambiguous && !now.ambiguous:
		w.counts.Ambiguous--
	}
	if old.orphan == now.orphan {
		return nil
	}
	if old.orphan != "" {
		count(w.counts.Orphans, old.orphan, -1)
	}
	if now.orphan != "" {
		count(w.counts.Orphans, now.orphan, 1)
	}
	if now.orphan == "" {
		return w.orphan.Delete([]byte(id))
	}
	return put(w.orphan, []byte(id), []byte(now.orphan))
}

// nul separates the transaction ids that share a record.
var nul = []byte{0}

func (w *writer) addObject(record, id string) error {
	ids, err := w.objectIDs(record)
	if err != nil {
		return err
	}
	at, _ := slices.BinarySearchFunc(ids, []byte(id), bytes.Compare)
	return put(w.object, []byte(record), bytes.Join(slices.Insert(ids, at, []byte(id)), nul))
}

func (w *writer) dropObject(record, id string) error {
	if record == "" { // of a gift that is new
		return nil
	}
	ids, err := w.objectIDs(record)
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(have []byte) bool { return string(have) == id })
	if len(ids) == 0 {
		return w.object.Delete([]byte(record))
	}
	return put(w.object, []byte(record), bytes.Join(ids, nul))
}

// objectIDs returns the sorted ids of the transactions that share a record.
func (w *writer) objectIDs(record string) ([][]byte, error) {
	have, err := get(w.object, []byte(record))
	if have == nil || err != nil {
		return nil, err
	}
	return bytes.Split(have, nul), nil
}
