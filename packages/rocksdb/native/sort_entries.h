// Puts the entries of a table into the order of their keys.
#pragma once

#include <atomic>
#include <cstddef>

#include "table_view.h"

namespace tidemark {

// `places` as TableView::ListEntries made them. First by the two bytes that are there already (the key group, so nearby memory
// belongs together), then inside each group by the eight bytes that follow what all its keys begin with; only where those
// are equal whole keys are compared. Throws Failure STATE_CORRUPT when a key is there twice, DISPOSED when `isAborted` was set.
void SortEntries(const TableView& view, EntryPlace* places, size_t count, const std::atomic<bool>& isAborted);

}  // namespace tidemark
