// 简体中文。

export const zh = {
};
