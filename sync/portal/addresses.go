package portal

import (
	"hash/maphash"
	"iter"
	"slices"
	"strconv"
)

// An addressTable says which contacts have an address among their additional ones.
// It takes 16 bytes for each, and knows addresses by a keyed hash alone: what it
// says has to be checked against the contacts themselves.
type addressTable struct {
	seed   maphash.Seed
	most   int // entries
	rows   []addressRow
	sorted bool
	full   bool // a contact was left out
}

type addressRow struct{ address, contact uint64 }

func (r addressRow) compare(o addressRow) int {
	switch {
	case r == o:
		return 0
	case r.address < o.address || r.address == o.address && r.contact < o.contact:
		return -1
	default:
		return 1
	}
}

// newAddressTable returns an empty table of at most so many entries.
func newAddressTable(most int) *addressTable {
	return &addressTable{seed: maphash.MakeSeed(), most: most}
}

func (t *addressTable) row(address, id string) (addressRow, bool) {
	n, err := strconv.ParseUint(id, 10, 64)
	return addressRow{maphash.String(t.seed, address), n}, err == nil
}

// add notes that a contact has a canonical address.
func (t *addressTable) add(address, id string) {
	r, ok := t.row(address, id)
	if len(t.rows) >= t.most {
		t.sort() // which drops what is there twice
		if t.has(address, id) {
			return
		}
	}
	if !ok || len(t.rows) >= t.most {
		t.full = true
		return
	}
	t.rows, t.sorted = append(t.rows, r), false
}

func (t *addressTable) sort() {
	if !t.sorted {
		slices.SortFunc(t.rows, addressRow.compare)
		t.rows, t.sorted = slices.Compact(t.rows), true
	}
}

// holders yields the ids of the contacts that may have a canonical address.
func (t *addressTable) holders(address string) iter.Seq[string] {
	return func(yield func(string) bool) {
		t.sort()
		r := addressRow{address: maphash.String(t.seed, address)}
		i, _ := slices.BinarySearchFunc(t.rows, r, addressRow.compare)
		for ; i < len(t.rows) && t.rows[i].address == r.address; i++ {
			if !yield(strconv.FormatUint(t.rows[i].contact, 10)) {
				return
			}
		}
	}
}

// has reports whether the contact is among the holders of the address.
func (t *addressTable) has(address, id string) bool {
	t.sort()
	r, ok := t.row(address, id)
	if !ok {
		return false
	}
	_, found := slices.BinarySearchFunc(t.rows, r, addressRow.compare)
	return found
}
