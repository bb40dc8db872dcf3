package store

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"io"
)

// bbolt trusts its pages: a wrong page number makes it panic, fault, or recurse
// until the stack overflows, which cannot be caught. So inspect reads the file's
// structure before bbolt does, with ordinary reads. The page layout
// is that of go.etcd.io/bbolt/internal/common (page.go, meta.go, inode.go):
// native byte order, a 16-byte page header, then elements of 16 bytes whose
// keys and values follow at an offset from the element.

const (
	boltMagic     = 0xED0CDAED
	boltVersion   = 2
	noFreelist    = ^uint64(0)
	flagBranch    = 0x01
	flagLeaf      = 0x02
	flagMeta      = 0x04
	flagFreelist  = 0x10
	headerLen     = 16
	elementLen    = 16
	metaLen       = 64
	metaSummed    = 56 // bytes of the meta that its checksum covers
	bucketLen     = 16 // of a bucket's header: root page, sequence
	elementBucket = 0x01
)

// An inspector walks the page tree of one file.
type inspector struct {
	file     io.ReaderAt
	deep     bool   // read leaf pages too
	pageSize int64  // bytes
	high     uint64 // number of the first page that was never used
	seen     []uint64
}

// A boltMeta is the part of a meta page that the walk needs.
type boltMeta struct {
	pageSize                   uint32
	root, freelist, high, txid uint64
}

// inspect checks that the page tree of a file of the given size (bytes) is
// sound: every page in range, referenced once and of the right kind, every
// element within its page, keys in order. Unless deep it leaves leaf pages
// unread, of which a file of a million gifts has a hundred times as many as of
// all others. torn reports that one of the two meta pages is invalid, as after
// a crash in the middle of a commit.
func inspect(file io.ReaderAt, size int64, deep bool) (torn bool, err error) {
	m, torn, err := readMetas(file, size)
	if err != nil {
		return false, err
	}
	in := &inspector{file: file, deep: deep, pageSize: int64(m.pageSize), high: m.high}
	if m.high > uint64(size)/uint64(m.pageSize) {
		return torn, damaged("it is cut short: %d of %d pages are there", size/int64(m.pageSize), m.high)
	}
	in.seen = make([]uint64, m.high/64+1)
	if err := in.freelist(m.freelist); err != nil {
		return torn, err
	}
	return torn, in.walk(m.root, true)
}

// readMetas reads the two meta pages and returns the newer valid one. torn
// reports that the other one is invalid, or that the header of either is: bbolt
// does not look at the headers on opening, but its check fails for them.
func readMetas(file io.ReaderAt, size int64) (m boltMeta, torn bool, err error) {
	if m, torn, err = newerMeta(file, size); err == nil {
		torn = torn || !headed(file, 0, 0) || !headed(file, int64(m.pageSize), 1)
	}
	return m, torn, err
}

// headed reports whether the page at this offset says that it is meta page id.
func headed(file io.ReaderAt, at int64, id uint64) bool {
	var header [headerLen]byte
	_, err := file.ReadAt(header[:], at)
	ne := binary.NativeEndian
	return err == nil && ne.Uint64(header[:]) == id && ne.Uint16(header[8:]) == flagMeta
}

// newerMeta returns the newer meta of the valid ones.
func newerMeta(file io.ReaderAt, size int64) (m boltMeta, torn bool, err error) {
	first, ok := readMeta(file, 0)
	if ok {
		second, both := readMeta(file, int64(first.pageSize))
		if both && second.txid > first.txid {
			return second, false, nil
		}
		return first, !both, nil
	}
	// The first page is lost, and with it the page size: try them all.
	for at := int64(1 << 10); at <= 1<<24 && at < size; at <<= 1 {
		if second, ok := readMeta(file, at); ok && int64(second.pageSize) == at {
			return second, true, nil
		}
	}
	return m, false, damaged("it has no valid meta page")
}

func readMeta(file io.ReaderAt, at int64) (m boltMeta, ok bool) {
	var page [headerLen + metaLen]byte
	if _, err := file.ReadAt(page[:], at); err != nil {
		return m, false
	}
	b, ne := page[headerLen:], binary.NativeEndian
	h := fnv.New64a()
	h.Write(b[:metaSummed])
	if ne.Uint32(b) != boltMagic || ne.Uint32(b[4:]) != boltVersion || ne.Uint64(b[metaSummed:]) != h.Sum64() {
		return m, false
	}
	m = boltMeta{
		pageSize: ne.Uint32(b[8:]),
		root:     ne.Uint64(b[16:]),
		freelist: ne.Uint64(b[32:]),
		high:     ne.Uint64(b[40:]),
		txid:     ne.Uint64(b[48:]),
	}
	return m, m.pageSize >= 1<<10 && m.pageSize <= 1<<24
}

// A page is one page with its overflow.
type page struct {
	id    uint64
	flags uint16
	count int
	data  []byte // header included
}

// read reads a page with its overflow and marks it as used.
func (in *inspector) read(id uint64) (*page, error) {
	if err := in.mark(id); err != nil {
		return nil, err
	}
	head := make([]byte, in.pageSize)
	if _, err := in.file.ReadAt(head, int64(id)*in.pageSize); err != nil {
		return nil, err
	}
	ne := binary.NativeEndian
	p := &page{id: id, flags: ne.Uint16(head[8:]), count: int(ne.Uint16(head[10:])), data: head}
	overflow := uint64(ne.Uint32(head[12:]))
	if own := ne.Uint64(head); own != id {
		return nil, damaged("page %d says that it is page %d", id, own)
	}
	if overflow == 0 {
		return p, nil
	}
	if id+overflow >= in.high {
		return nil, damaged("page %d runs over the end", id)
	}
	for i := uint64(1); i <= overflow; i++ {
		if err := in.mark(id + i); err != nil {
			return nil, err
		}
	}
	p.data = make([]byte, int64(overflow+1)*in.pageSize)
	_, err := in.file.ReadAt(p.data, int64(id)*in.pageSize)
	return p, err
}

// mark marks a page as used. Each page may be used once.
func (in *inspector) mark(id uint64) error {
	if id < 2 || id >= in.high {
		return damaged("page %d is out of range", id)
	}
	if in.seen[id/64]&(1<<(id%64)) != 0 {
		return damaged("page %d is used twice", id)
	}
	in.seen[id/64] |= 1 << (id % 64)
	return nil
}

// freelist checks the list of free pages.
func (in *inspector) freelist(id uint64) error {
	if id == noFreelist {
		return damaged("it has no list of free pages")
	}
	p, err := in.read(id)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return damaged("page %d is not a list of free pages", id)
	}
	ids := p.data[headerLen:]
	n := uint64(p.count)
	if p.count == 0xFFFF { // more than fit the header: the first number is their count
		n, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return damaged("the list of free pages runs over its page")
	}
	for i := range n {
		if err := in.mark(binary.NativeEndian.Uint64(ids[i*8:])); err != nil {
			return err
		}
	}
	return nil
}

// walk checks the tree below a page. Only the leaves of the root tree may hold
// buckets, each of which is a tree of its own.
func (in *inspector) walk(id uint64, root bool) error {
	p, err := in.read(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagBranch:
		return in.branch(p, root)
	case flagLeaf:
		return in.leaf(p, root)
	default:
		return damaged("page %d is of no known kind", id)
	}
}

func (in *inspector) branch(p *page, root bool) error {
	if p.count == 0 {
		return damaged("page %d is empty", p.id)
	}
	children := make([]uint64, p.count)
	var last []byte
	for i := range children {
		e, err := p.element(i)
		if err != nil {
			return err
		}
		ne := binary.NativeEndian
		key, _, err := p.keyValue(i, ne.Uint32(e), ne.Uint32(e[4:]), 0)
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return damaged("the keys of page %d are out of order", p.id)
		}
		last, children[i] = key, ne.Uint64(e[8:])
	}
	leaves, err := in.leavesOnly(children[0])
	if err != nil {
		return err
	}
	for _, child := range children {
		if leaves && !root && !in.deep {
			err = in.mark(child)
		} else {
			err = in.walk(child, root)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leavesOnly reports whether a page is a leaf, and so, as all leaves of a tree
// are equally deep, its siblings too.
func (in *inspector) leavesOnly(id uint64) (bool, error) {
	if id < 2 || id >= in.high {
		return false, damaged("page %d is out of range", id)
	}
	var head [headerLen]byte
	_, err := in.file.ReadAt(head[:], int64(id)*in.pageSize)
	return binary.NativeEndian.Uint16(head[8:]) == flagLeaf, err
}

func (in *inspector) leaf(p *page, root bool) error {
	var last []byte
	for i := range p.count {
		e, err := p.element(i)
		if err != nil {
			return err
		}
		ne := binary.NativeEndian
		key, value, err := p.keyValue(i, ne.Uint32(e[4:]), ne.Uint32(e[8:]), ne.Uint32(e[12:]))
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return damaged("the keys of page %d are out of order", p.id)
		}
		last = key
		if isBucket := ne.Uint32(e)&elementBucket != 0; isBucket != root {
			return damaged("page %d has a bucket where there should be none, or none where there should be one", p.id)
		}
		if !root {
			continue
		}
		if err := in.bucket(p.id, value); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks the tree of a bucket. A small one has no page of its own: it
// follows its header inside the value.
func (in *inspector) bucket(id uint64, value []byte) error {
	if len(value) < bucketLen {
		return damaged("page %d has a bucket that is cut short", id)
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return in.walk(root, false)
	}
	inline := value[bucketLen:]
	if len(inline) < headerLen {
		return damaged("page %d has a bucket that is cut short", id)
	}
	ne := binary.NativeEndian
	if ne.Uint16(inline[8:]) != flagLeaf {
		return damaged("page %d has a bucket of no known kind", id)
	}
	return in.leaf(&page{id: id, flags: flagLeaf, count: int(ne.Uint16(inline[10:])), data: inline}, false)
}

// element returns the i-th element of a page.
func (p *page) element(i int) ([]byte, error) {
	at := headerLen + i*elementLen
	if at+elementLen > len(p.data) {
		return nil, damaged("the elements of page %d run over its end", p.id)
	}
	return p.data[at : at+elementLen], nil
}

// keyValue returns key and value of the i-th element, which stand pos bytes
// from it.
func (p *page) keyValue(i int, pos, ksize, vsize uint32) (key, value []byte, err error) {
	at := int64(headerLen+i*elementLen) + int64(pos)
	end := at + int64(ksize) + int64(vsize)
	if ksize == 0 || end > int64(len(p.data)) {
		return nil, nil, damaged("an entry of page %d runs over its end", p.id)
	}
	return p.data[at : at+int64(ksize)], p.data[at+int64(ksize) : end], nil
}
