package store

import "sync/atomic"

// A commits counts the commits in the open file by bbolt's numbers. Only this
// process writes the file, so its last commit is one that this process has made or
// found; another number says that someone has written over it.
type commits struct {
	known   atomic.Int64 // number of the last commit
	pending atomic.Int64 // that of the one under way; the last one's if none is
}

// found notes the last commit of a file that was just opened.
func (c *commits) found(id int) {
	c.known.Store(int64(id))
	c.pending.Store(int64(id))
}

// next begins the commit with a number, and reports whether it follows the last
// one.
func (c *commits) next(id int) bool {
	if int64(id) != c.known.Load()+1 {
		return false
	}
	c.pending.Store(int64(id))
	return true
}

// done notes that the commit under way is in the file.
func (c *commits) done() { c.known.Store(c.pending.Load()) }

func (c *commits) last() int64 { return c.known.Load() }

// since reports whether a commit that is the file's last one can be that of this
// process: oldest was the last one before the file was looked at.
func (c *commits) since(oldest int64, id int) bool {
	return oldest <= int64(id) && int64(id) <= c.pending.Load()
}
