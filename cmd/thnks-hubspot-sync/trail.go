package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
)

var _ admin.Trail = localService{}

func (l localService) Runs(ctx context.Context, name string, limit int) (giftsync.RunList, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return giftsync.RunList{}, err
	}
	defer j.Close()
	return giftsync.ListRuns(ctx, name, j, limit)
}

func (l localService) Audit(ctx context.Context, name string, q giftsync.AuditQuery, each func([]giftsync.AuditRecord) error) error {
	j, err := l.s.readState(name)
	if err != nil {
		return err
	}
	defer j.Close()
	return giftsync.ListAudit(ctx, j, q, each)
}

func (l localService) VerifyAudit(ctx context.Context, name, head string) (giftsync.AuditFinding, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return giftsync.AuditFinding{}, err
	}
	defer j.Close()
	return giftsync.VerifyAudit(ctx, name, j, head)
}

// Held makes no state file: where there is none, nothing is known of anyone.
func (l localService) Held(ctx context.Context, name, email string) (giftsync.Holding, error) {
	if _, err := os.Stat(stateFile(l.s.cfg, name)); errors.Is(err, fs.ErrNotExist) {
		return giftsync.Holding{}, noState(name)
	}
	open, err := l.s.open(l.portal(name), false, nil)
	if err != nil {
		return giftsync.Holding{}, err
	}
	defer open.close()
	return open.engine.Held(ctx, email)
}

func (l localService) Erase(ctx context.Context, name string, who giftsync.Person) (giftsync.Erasure, error) {
	open, err := l.s.open(l.portal(name), false, nil)
	var locked *store.LockedError
	switch {
	case errors.As(err, &locked): // the daemon that holds it is asked
		return giftsync.Erasure{}, err
	case err != nil:
		return giftsync.Erasure{}, giftsync.EraseLater(l.s.erased.of(name), who, err)
	}
	defer open.close()
	return open.engine.Erase(ctx, who)
}
