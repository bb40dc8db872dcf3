package sync

// What the tests of this package look up in the state file, by the names that
// the engine gives it.
const (
	BackfillCheckpoint       = backfillCheckpoint
	IncrementalCheckpoint    = incrementalCheckpoint
	ResweepCheckpoint        = resweepCheckpoint
	RebuildCheckpoint        = rebuildCheckpoint
	ReassociateCheckpoint    = reassociateCheckpoint
	ReassociateAllCheckpoint = reassociateAllCheckpoint

	MetaObject   = "object"
	MetaCreating = "creating"
	MetaStages   = "stages"
	MetaRereads  = rereadsEntry
	MetaSource   = feedsEntry
)
