package store

import (
	"context"
	"fmt"
	"strings"
)

// An AmbiguousKeyError says that a short key names several quarantined records.
type AmbiguousKeyError struct {
	Short string
	Keys  []string // full ones, sorted
}

func (e *AmbiguousKeyError) Error() string {
	return fmt.Sprintf("the key %s stands for %d records in quarantine: give more of it, or the full key or transaction id", e.Short, len(e.Keys))
}

// FindQuarantined returns the quarantined record of a key: a full one, or the
// beginning of a [Quarantined.ShortKey]. It reports false if there is none; an
// [*AmbiguousKeyError] if a short key begins so of several.
func (s *Store) FindQuarantined(ctx context.Context, key string) (q Quarantined, ok bool, err error) {
	if key == "" {
		return Quarantined{}, false, nil
	}
	if q, ok, err = s.QuarantinedByKey(key); ok || err != nil {
		return q, ok, err
	}
	var keys []string
	for other, err := range s.Quarantine(ctx) {
		if err != nil {
			return Quarantined{}, false, err
		}
		if strings.HasPrefix(other.ShortKey(), strings.ToLower(key)) {
			q = other
			keys = append(keys, other.Key)
		}
	}
	if len(keys) > 1 {
		return Quarantined{}, false, &AmbiguousKeyError{Short: key, Keys: keys}
	}
	return q, len(keys) == 1, nil
}
