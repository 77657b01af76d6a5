/** Ways into listings by what few repositories have, so that a page of them is not found by walking all. */
export const LISTING_INDEXES = `
CREATE INDEX repo_facts_by_pipeline ON repo_facts (json_extract(summary, '$.pipeline_tag'));
CREATE INDEX repo_facts_by_parameters ON repo_facts (parameters) WHERE parameters IS NOT NULL;
CREATE INDEX repos_gated ON repos (id) WHERE gated IS NOT NULL;`
