package store

import (
	"errors"
	"io/fs"
)

// Space returns the size of the state file, and the free space on its disk for
// this user, in bytes. The error is [errors.ErrUnsupported] on systems where we
// cannot find out.
func (s *Store) Space() (size, free int64, err error) {
	if err := s.usable(); err != nil {
		return 0, 0, err
	}
	s.opened.RLock()
	info, err := s.file.Stat()
	s.opened.RUnlock()
	if errors.Is(err, fs.ErrClosed) { // meanwhile
		return 0, 0, ErrClosed
	}
	if err != nil {
		return 0, 0, err
	}
	free, err = freeSpace(s.path)
	return info.Size(), free, err
}
