package thnksapitest

import (
	"cmp"
	"iter"
	"slices"
	"sort"
	"time"
)

// A row is a stored transaction. seq distinguishes rows without an id.
type row struct {
	Transaction
	seq int
}

// A key is a place in the listing's order.
type key struct {
	stamp time.Time
	id    string
	seq   int
}

func (k key) compare(other key) int {
	return cmp.Or(k.stamp.Compare(other.stamp), cmp.Compare(k.id, other.id), cmp.Compare(k.seq, other.seq))
}

// maxBlock bounds a block of the index, and with it the pointers that an
// insertion moves.
const maxBlock = 1024

// An index keeps rows in the order of their keys, in sorted blocks: a million
// rows can be added, moved and read from any place quickly.
type index struct {
	keyOf  func(*row) key
	blocks [][]*row // none is empty
	len    int
}

// seek returns the position of the first row with a key not below k, or the
// position where it would be inserted.
func (x *index) seek(k key) (block, i int) {
	block = sort.Search(len(x.blocks), func(b int) bool {
		rows := x.blocks[b]
		return x.keyOf(rows[len(rows)-1]).compare(k) >= 0
	})
	if block == len(x.blocks) {
		return block, 0
	}
	i, _ = slices.BinarySearchFunc(x.blocks[block], k, func(r *row, k key) int { return x.keyOf(r).compare(k) })
	return block, i
}

func (x *index) insert(r *row) {
	x.len++
	b, i := x.seek(x.keyOf(r))
	if b == len(x.blocks) {
		if b == 0 {
			x.blocks = append(x.blocks, []*row{r})
			return
		}
		b--
		i = len(x.blocks[b])
	}
	rows := slices.Insert(x.blocks[b], i, r)
	if len(rows) <= maxBlock {
		x.blocks[b] = rows
		return
	}
	// Most rows are appended in order: splitting the last block at its end
	// keeps blocks full.
	cut := len(rows) / 2
	if b == len(x.blocks)-1 {
		cut = len(rows) - 1
	}
	x.blocks[b] = slices.Clone(rows[:cut])
	x.blocks = slices.Insert(x.blocks, b+1, slices.Clone(rows[cut:]))
}

func (x *index) remove(r *row) {
	b, i := x.seek(x.keyOf(r))
	x.blocks[b] = slices.Delete(x.blocks[b], i, i+1)
	if len(x.blocks[b]) == 0 {
		x.blocks = slices.Delete(x.blocks, b, b+1)
	}
	x.len--
}

// from yields the rows with keys not below k, in order.
func (x *index) from(k key) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		b, i := x.seek(k)
		for ; b < len(x.blocks); b, i = b+1, 0 {
			for _, r := range x.blocks[b][i:] {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// at returns the n-th row in order.
func (x *index) at(n int) *row {
	for _, rows := range x.blocks {
		if n < len(rows) {
			return rows[n]
		}
		n -= len(rows)
	}
	return nil
}
