"""Logits of transformers in float32: reads {"jobs": [{"path", "prompts", "out"}]} from a file, writes raw float32."""
import json
import sys

import torch
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)
for job in json.load(open(sys.argv[1]))["jobs"]:
    model, info = AutoModelForCausalLM.from_pretrained(
        job["path"], dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    wrong = {key: list(value) for key, value in info.items() if key.endswith("_keys") and value}
    if wrong:
        raise SystemExit(f"{job['path']}: {wrong}")
    model.eval()
    with torch.no_grad(), open(job["out"], "wb") as out:
        for prompt in job["prompts"]:
            out.write(model(torch.tensor([prompt])).logits[0].float().contiguous().numpy().tobytes())
