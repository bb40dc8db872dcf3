package portal

import (
	"encoding/binary"
	"hash/maphash"
	"strconv"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

const (
	cacheEntry  = 32       // bytes a slot
	cacheMost   = 16 << 10 // bytes of the largest entry
	cacheProbes = 4
)

// A cache remembers the people looked up, in a fixed amount of memory. Entries
// stand in a ring of bytes, where the newest overwrite the oldest, and are found
// through a table of positions. An entry is recognised by a 128-bit keyed hash
// of the address. Forgetting costs a look-up, nothing else.
type cache struct {
	seeds [2]maphash.Seed
	size  uint64   // slots, once there are any
	slots []uint64 // 1 + position of an entry; 0 is free
	arena []byte
	head  uint64 // position where the next entry goes; positions only grow
}

// newCache returns a cache of so many slots. It takes its memory, 40 bytes a
// slot, when the first person is put in.
func newCache(slots uint64) *cache {
	return &cache{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, size: slots}
}

// room is the ring's size in bytes.
func (c *cache) room() uint64 { return c.size * cacheEntry }

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
}

// get returns what was put for the address, if it is still remembered.
func (c *cache) get(address string) (cachedMatch, bool) {
	if c.slots == nil {
		return cachedMatch{}, false
	}
	k := c.key(address)
	h := binary.LittleEndian.Uint64(k[:8])
	for i := range uint64(cacheProbes) {
		p := c.slots[(h+i)%c.size]
		if p == 0 || !c.live(p-1) {
			continue // nothing here, or overwritten since
		}
		entry := c.arena[(p-1)%c.room():]
		if [16]byte(entry) == k {
			return decodeMatch(entry[len(k):]), true
		}
	}
	return cachedMatch{}, false
}

// live reports whether the entry at pos has not been overwritten.
func (c *cache) live(pos uint64) bool { return pos+c.room() >= c.head }

// put remembers a person. An entry that would take much of the ring is not
// remembered.
func (c *cache) put(address string, m cachedMatch) {
	if c.slots == nil {
		c.slots = make([]uint64, c.size)
		c.arena = make([]byte, c.room())
	}
	k := c.key(address)
	entry := appendMatch(k[:], m)
	if len(entry) > cacheMost {
		return
	}
	if end := c.head%c.room() + uint64(len(entry)); end > c.room() {
		c.head += c.room() - c.head%c.room() // entries do not wrap around
	}
	pos := c.head
	copy(c.arena[pos%c.room():], entry)
	c.head += uint64(len(entry))

	h := binary.LittleEndian.Uint64(k[:8])
	oldest := h % c.size
	for i := range uint64(cacheProbes) {
		at := (h + i) % c.size
		if p := c.slots[at]; p == 0 || !c.live(p-1) || [16]byte(c.arena[(p-1)%c.room():]) == k {
			oldest = at
			break
		}
		if c.slots[at] < c.slots[oldest] {
			oldest = at
		}
	}
	c.slots[oldest] = pos + 1
}

const (
	flagSecondary = 1 << iota
	flagAmbiguous
	flagSearched
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
	m := cachedMatch{searched: b[0]&flagSearched != 0}
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
