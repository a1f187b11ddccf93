# Sourced after common.sh: ONNX Runtime for node, from the folder SNN_NODE_MODULES, from build/npm, where jobs/setup.sh puts
# it, or from where npm keeps global packages. Skips without it.
if ! type node >/dev/null 2>&1; then
  echo "skipped: node is not installed"
  exit 77
fi
export NODE_PATH=${SNN_NODE_MODULES:-$root/build/npm/node_modules:$(npm root -g 2>/dev/null)}
if ! node -e 'require("onnxruntime-node")' 2>/dev/null; then
  echo "skipped: onnxruntime-node is not installed (npm install --ignore-scripts --prefix build/npm onnxruntime-node)"
  exit 77
fi
