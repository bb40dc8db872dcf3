package main

import (
	"path/filepath"
	"sync"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store/suppressed"
)

// erasedLists are the lists of the people who were erased from each portal. A
// process has one for a portal, whatever uses it, so that all see an erasure at
// once.
type erasedLists struct {
	cfg *configs.Config

	mu     sync.Mutex
	byName map[string]*suppressed.List // by the portal's name
}

// of returns a portal's list, which stands beside the state file.
func (l *erasedLists) of(portal string) *suppressed.List {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byName == nil {
		l.byName = make(map[string]*suppressed.List)
	}
	if l.byName[portal] == nil {
		l.byName[portal] = suppressed.At(filepath.Join(l.cfg.StateDir, portal+".suppressed"))
	}
	return l.byName[portal]
}
