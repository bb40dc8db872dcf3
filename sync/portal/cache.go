package portal

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"slices"
	"strconv"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

const (
	cacheEntry  = 32       // bytes a slot
	cacheMost   = 16 << 10 // bytes of the largest entry
	cacheProbes = 4
	cachePiece  = 1 << 16 // bytes of a piece of the ring

	leastSlots = 1 << 6  // of a table that has any
	leastPiece = 1 << 12 // bytes of a piece that has any
)

// A cache remembers the people looked up, in a bounded amount of memory. Entries
// stand in a ring of bytes, where the newest overwrite the oldest, and are found
// through a table of positions. Both grow with what they hold, up to their bounds,
// and before these nothing is forgotten. The ring grows by pieces, so that no copy of
// it is ever made. An entry is recognised by a 128-bit keyed hash of the address.
// Forgetting costs a look-up, nothing else.
type cache struct {
	seeds [2]maphash.Seed
	most  uint64   // slots, at most
	slots []uint64 // 1 + position of an entry; 0 is free
	ring  [][]byte // pieces, as many as are used
	head  uint64   // position where the next entry goes; positions only grow
}

// newCache returns a cache of at most so many slots. It takes up to 40 bytes a slot,
// and none before the first person is put in.
func newCache(slots uint64) *cache {
	return &cache{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, most: slots}
}

// room is the ring's size in bytes, at most.
func (c *cache) room() uint64 { return c.most * cacheEntry }

// at returns the bytes of a piece of the ring from an entry on.
func (c *cache) at(pos uint64) []byte {
	pos %= c.room()
	return c.ring[pos/cachePiece][pos%cachePiece:]
}

func (c *cache) key(address string) [16]byte {
	var k [16]byte
	binary.LittleEndian.PutUint64(k[:8], maphash.String(c.seeds[0], address))
	binary.LittleEndian.PutUint64(k[8:], maphash.String(c.seeds[1], address))
	return k
}

// A cachedMatch is what is remembered of a person.
type cachedMatch struct {
	plan.Match
	searched bool // the address was searched among secondary ones too
	listed   bool // the deals are those that the listing of open deals has at the time
}

// get returns what was put for the address, if it is still remembered.
func (c *cache) get(address string) (cachedMatch, bool) {
	k := c.key(address)
	for slot := range c.probe(k) {
		p := c.slots[slot]
		if p == 0 || !c.live(p-1) {
			continue // nothing here, or overwritten since
		}
		if entry := c.at(p - 1); [16]byte(entry) == k {
			return decodeMatch(entry[len(k):]), true
		}
	}
	return cachedMatch{}, false
}

// probe yields the slots that an entry may have.
func (c *cache) probe(key [16]byte) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		size := uint64(len(c.slots))
		h := binary.LittleEndian.Uint64(key[:8])
		for i := range uint64(min(cacheProbes, len(c.slots))) {
			if !yield((h + i) % size) {
				return
			}
		}
	}
}

// live reports whether the entry at pos has not been overwritten.
func (c *cache) live(pos uint64) bool { return pos+c.room() >= c.head }

// put remembers a person. An entry that would take much of the ring is not
// remembered.
func (c *cache) put(address string, m cachedMatch) {
	k := c.key(address)
	entry := appendMatch(k[:], m)
	if len(entry) > cacheMost {
		return
	}
	pos := c.append(entry)
	for !c.insert(k, pos) {
		c.growTable()
	}
}

// append puts an entry into the ring and returns its position.
func (c *cache) append(entry []byte) (pos uint64) {
	need := uint64(len(entry))
	if at := c.head % c.room(); at%cachePiece+need > c.size(at/cachePiece) {
		c.head += c.size(at/cachePiece) - at%cachePiece // an entry stands in one piece
	}
	at := c.head % c.room()
	i, end := at/cachePiece, at%cachePiece+need
	if i == uint64(len(c.ring)) {
		c.ring = append(c.ring, nil)
	}
	if have := uint64(len(c.ring[i])); end > have {
		grown := make([]byte, min(max(2*have, end, leastPiece), c.size(i)))
		copy(grown, c.ring[i])
		c.ring[i] = grown
	}
	pos = c.head
	copy(c.at(pos), entry)
	c.head += need
	return pos
}

// size is how many bytes the i-th piece of the ring may have.
func (c *cache) size(i uint64) uint64 { return min(cachePiece, c.room()-i*cachePiece) }

// insert has the entry at pos found. It reports false where another would no longer
// be found and the table may grow instead; at its bound the oldest gives way.
func (c *cache) insert(key [16]byte, pos uint64) bool {
	oldest, one := uint64(0), false
	for slot := range c.probe(key) {
		p := c.slots[slot]
		if p == 0 || !c.live(p-1) || [16]byte(c.at(p-1)) == key {
			c.slots[slot] = pos + 1
			return true
		}
		if !one || p < c.slots[oldest] {
			oldest, one = slot, true
		}
	}
	if uint64(len(c.slots)) < c.most {
		return false
	}
	c.slots[oldest] = pos + 1
	return true
}

// growTable makes the table larger, with the entries that it holds, inserted as
// they came.
func (c *cache) growTable() {
	positions := slices.DeleteFunc(slices.Clone(c.slots), func(p uint64) bool { return p == 0 || !c.live(p-1) })
	slices.Sort(positions)
	for size, whole := uint64(len(c.slots)), false; !whole; {
		size = min(max(2*size, leastSlots), c.most)
		c.slots = make([]uint64, size)
		whole = !slices.ContainsFunc(positions, func(p uint64) bool { return !c.insert([16]byte(c.at(p-1)), p-1) })
	}
}

const (
	flagSecondary = 1 << iota
	flagAmbiguous
	flagSearched
	flagListed
)

func appendMatch(b []byte, m cachedMatch) []byte {
	var flags byte
	if m.Secondary {
		flags |= flagSecondary
	}
	if m.Ambiguous {
		flags |= flagAmbiguous
	}
	if m.searched {
		flags |= flagSearched
	}
	if m.listed {
		flags |= flagListed
		m.Deals = nil
	}
	b = append(b, flags)
	b = appendString(b, m.ID)
	b = appendString(b, m.Company)
	b = binary.AppendUvarint(b, uint64(len(m.Deals)))
	for _, d := range m.Deals {
		b = appendString(b, d.ID)
		b = appendString(b, d.Stage)
		b = appendString(b, d.Amount)
		b = binary.AppendVarint(b, d.Created.UnixMilli())
	}
	return b
}

func decodeMatch(b []byte) cachedMatch {
	d := decoder{b[1:]}
	m := cachedMatch{searched: b[0]&flagSearched != 0, listed: b[0]&flagListed != 0}
	m.Secondary = b[0]&flagSecondary != 0
	m.Ambiguous = b[0]&flagAmbiguous != 0
	m.ID = d.text()
	m.Company = d.text()
	for range d.uvarint() {
		m.Deals = append(m.Deals, plan.OpenDeal{
			ID:      d.text(),
			Stage:   d.text(),
			Amount:  d.text(),
			Created: time.UnixMilli(d.varint()).UTC(),
		})
	}
	return m
}

// appendString appends a text. Record ids and whole amounts, which are most of
// what is remembered, are stored as numbers.
func appendString(b []byte, s string) []byte {
	if n, err := strconv.ParseUint(s, 10, 62); err == nil && strconv.FormatUint(n, 10) == s {
		return binary.AppendUvarint(b, n<<1|1)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))<<1), s...)
}

type decoder struct{ b []byte }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n&1 == 1 {
		return strconv.FormatUint(n>>1, 10)
	}
	n >>= 1
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}
